"""What the page needs that is not layout.

settings   limits and places, from the environment
studio     the faces themselves: made once, remembered for a while, marked and signed
handlers   what the page's events call, a few lines each
endpoints  the same for programs: files in, signed files out
parts      the page's own components: sketchpad, face, thumbnails, look, mixer
keeping    the files that leave the page, and their end
"""
