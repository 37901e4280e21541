"""One exchange with a deployment, its deadline, the client that POSTs, and waiting until it is ready."""
