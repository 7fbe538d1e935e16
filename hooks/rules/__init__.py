"""One clinical question a module: the rule, its knowledge file of the same name beside it, its vignettes in the tests."""
