"""One clinical question a module: the rule, its knowledge file beside it, its vignettes in the tests, one name."""
