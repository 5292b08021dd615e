"""A page on which a person draws a digit, or drops a picture, and a model answers.

`recognizer.py` answers a picture, `pages.py` serves the page and the answers on this machine alone
(Starlette, uvicorn: `pip install 'xpcnn[demo]'`), `page/` is what the browser gets, and
`trained_digits.py` trains a model for those who have none. Nothing comes from a network.
"""
