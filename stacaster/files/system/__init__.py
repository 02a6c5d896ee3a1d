"""What operating systems do differently: locks, durable folders, exchanges, links, reading at an offset, processes.

Every means that a system may lack is asked for in this folder and nowhere else, with what is done without it. Other
rooms call these functions and never ask which system it is. ``docs/reference/platforms.md`` lists which promise is
weaker where.
"""
