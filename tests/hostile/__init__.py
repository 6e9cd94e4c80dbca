"""What somebody hostile can try: a member of the clusterset, a DNS client, a server that repeats credentials.

docs/security.md names these tests, beside those of single modules that lie with their modules.
"""
