"""A page on which a finished run can be tried.

`catalogue` knows the classes of a run, `uploads` makes features of files,
`answering` finds classes for them, also for added ones, and `page` serves all
this to a browser. Nothing is kept between two requests: the browser has the
features and the added classes.
"""
