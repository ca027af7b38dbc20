"""What eventlet and gunicorn serve."""
import time

HELLO = b"Hello, World!"


def app(environ, start_response):
    if environ["PATH_INFO"] == "/work":
        end = time.monotonic() + 0.001
        while time.monotonic() < end:
            pass
    elif environ["PATH_INFO"] != "/hello":
        start_response("404 Not Found", [("Content-Length", "0")])
        return []
    start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", str(len(HELLO)))])
    return [HELLO]
