"""Who may do what.

tables       accounts, invites, sessions, tokens, access, audit
members      accounts and invites; entering: logging in with a password; oidc: elsewhere
logins       sessions, and how often somebody tried; credentials: passwords and secrets
tokens       for programs
access       who may see and label which grid, and who only blind
audit        who did what; personal: all that is kept of one person, and removing it
"""
