"""Objects that one invocation does not load: handing a run over, and the steps by which the state machine goes on with it."""
