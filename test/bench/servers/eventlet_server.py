"""eventlet.wsgi, the model of tsgi's facade."""
import eventlet
from eventlet import wsgi

from wsgi_app import app

listener = eventlet.listen(("127.0.0.1", 0), backlog=4096)
print("listening", listener.getsockname()[1], flush=True)
wsgi.server(listener, app, log_output=False, max_size=5000)
