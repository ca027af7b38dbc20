"""gunicorn, one worker of the gevent kind."""
from gunicorn.app.base import BaseApplication

from wsgi_app import app


def say(worker):
    print("listening", worker.sockets[0].getsockname()[1], flush=True)


class Application(BaseApplication):
    def load_config(self):
        settings = {
            "bind": "127.0.0.1:0",
            "workers": 1,
            "worker_class": "gevent",
            "worker_connections": 5000,
            "backlog": 4096,
            "keepalive": 75,
            "loglevel": "error",
            "post_worker_init": say,
        }
        for name, value in settings.items():
            self.cfg.set(name, value)

    def load(self):
        return app


Application().run()
