"""The status page: what one replica of the agent holds, for people with a browser. Read-only.

`source.py` reads the stores of the agent that works, `snapshot.py` keeps the lines of the services for a
moment, `pages.py` makes HTML of them, and `server.py` serves it. Nothing is asked of an API server, and
nothing is done before somebody looks at a page. What is shown is judged in `clusterset/board/`.
"""
