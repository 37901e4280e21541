"""A soak: the create request many times, from one or many processes, on the engine of locust (optional group `soak`).

`command` is the process that a user starts: it waits, starts the others, cleans up and has the histories judged. The
others run `engine`, one as master and the rest as workers. Only they import locust, which changes its whole process
(gevent's monkey patching): no gate does.
"""
