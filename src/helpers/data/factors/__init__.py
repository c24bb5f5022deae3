"""Small tables that the kit owns, each row with its source and the day it was read."""
