"""What the status page shows: lines of its tables, what is found, the picture of a service, the chart of lag.

Pure: `page/` reads the agent's stores, and hands over what it read. The judgements are those of `explain` and
`overview`; here is only what a page needs beyond them.
"""
