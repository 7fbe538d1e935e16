"""The questions that rules ask of the facts, one topic a module. Each answer comes with the facts that it rests on."""
