"""Files in, checked tables out: sources, versions, the store, allocation, companions, the sample company."""
