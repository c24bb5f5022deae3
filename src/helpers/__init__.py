"""The FinOps Playbook Kit: FOCUS charges in, signed numbers, decisions and lessons out.

Layers, each importing only what stands below it:
``__main__`` > ``runs``, ``lessons`` > ``views``, ``actions`` > ``catalog`` > ``measures``, ``models``, ``data`` > ``terms``.
"""

__version__ = "0.1.0"
