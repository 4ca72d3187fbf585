"""The files of the page that is shown at ``/``: data, which ``listener/web/files.py`` answers with."""
