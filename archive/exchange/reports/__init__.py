"""Reports on paper and for ever: registers, certificates and forms as PDF/A-2b, of our own words.

``write`` in ``pages`` typesets blocks as they come, page by page: a register of a hundred thousand
lines takes the memory of one page. Equal input gives equal bytes.
"""
