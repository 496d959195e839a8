"""A page on which a finished run can be tried.

`catalogue` knows the classes of a run, `answering` what is made of files and
of added classes, and `page` serves both to a browser. Nothing is kept between
two requests: the browser has the features and the added classes.
"""
