"""gunicorn with as many workers of the gthread kind as the mode says, of four threads each: the sync kind keeps no connection."""
import sys

from gunicorn.app.base import BaseApplication

def say(worker):
    # the last one: they are numbered as they are started
    if worker.age == worker.cfg.workers:
        print("listening", worker.sockets[0].getsockname()[1], flush=True)


class Application(BaseApplication):
    def load_config(self):
        settings = {
            "bind": "127.0.0.1:0",
            "workers": int(sys.argv[1]),
            "worker_class": "gthread",
            "threads": 4,
            "backlog": 4096,
            "keepalive": 75,
            "loglevel": "error",
            "post_worker_init": say,
        }
        for name, value in settings.items():
            self.cfg.set(name, value)

    def load(self):
        from wsgi_app import app

        return app


Application().run()
