"""PostgreSQL and Redis for one benchmark, in a folder of their own and without a port."""

import os
import pathlib
import pwd
import shutil
import signal
import subprocess
import sys
import tempfile

import psycopg
import redis

from bench_table import ROOT, until


def postgres_folder():
    """Of the newest version. Debian keeps them beside each other and out of a user's path."""
    folders = pathlib.Path("/usr/lib/postgresql").glob("*/bin")
    found = max(
        (folder for folder in folders if (folder / "initdb").exists()),
        key=lambda folder: float(folder.parent.name), default=None)
    if found is None and (program := shutil.which("initdb")):
        found = pathlib.Path(program).resolve().parent
    if found is None:
        raise SystemExit(
            "bench: effect: found no PostgreSQL: install Debian's postgresql, or run "
            ".ci/install-dependencies bench")
    return found


class Databases:
    def __init__(self):
        # Whoever is asked to end stops the servers first; without this it would just be gone.
        signal.signal(signal.SIGTERM, lambda *_: sys.exit("ended by SIGTERM"))
        self.programs = postgres_folder()
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="busbar-effect-"))
        self.postgres = self.redis = None
        try:
            self.start()
        except BaseException:
            self.stop()
            raise

    def start(self):
        # It refuses to run as root, and the folder must then be of who it runs as.
        self.user = {}
        if os.geteuid() == 0:
            entry = pwd.getpwnam("nobody")
            os.chown(self.folder, entry.pw_uid, entry.pw_gid)
            self.user = {"user": entry.pw_uid, "group": entry.pw_gid, "extra_groups": []}
        data = self.folder / "data"
        made = self.run(
            "initdb", "-D", data, "-U", "bench", "-A", "trust", "-E", "UTF8", "--no-locale")
        if made.returncode:
            raise SystemExit(f"bench: initdb failed: {made.stderr.strip()}")
        self.log = self.folder / "postgres.log"
        with open(self.log, "wb") as log:
            self.postgres = subprocess.Popen(
                [self.programs / "postgres", "-D", data, "-k", self.folder,
                 "-c", "listen_addresses="],
                stdout=log, stderr=log, cwd=self.folder, **self.user)
        until("PostgreSQL answers", 30, self.answers)
        if program := shutil.which("redis-server"):
            # It writes nothing to a disk, and nobody kills it: its best case.
            self.redis = subprocess.Popen(
                [program, "--port", "0", "--unixsocket", self.folder / "redis.sock",
                 "--save", "", "--appendonly", "no"],
                stdout=subprocess.DEVNULL, cwd=self.folder)
            until("Redis answers", 10, (self.folder / "redis.sock").exists)

    def run(self, program, *words):
        return subprocess.run(
            [self.programs / program, *words], capture_output=True, text=True, cwd=self.folder,
            **self.user)

    def answers(self):
        if self.postgres.poll() is not None:
            raise SystemExit(f"bench: PostgreSQL did not start: {self.log.read_text()}")
        return self.run("pg_isready", "-h", self.folder).returncode == 0

    def connect(self):
        return psycopg.connect(f"host={self.folder} user=bench dbname=postgres", autocommit=True)

    def memory(self):
        return redis.Redis(unix_socket_path=str(self.folder / "redis.sock"))

    def versions(self):
        disk = subprocess.run(
            ["stat", "-f", "-c", "%T", self.folder], capture_output=True, text=True)
        with self.connect() as connection:
            found = {
                "postgresql": connection.execute("SHOW server_version").fetchone()[0],
                "disk": disk.stdout.strip(),
            }
        if self.redis:
            found["redis"] = self.memory().info("server")["redis_version"]
        return found

    def empty(self, broken=None):
        """As if nothing had ever come: the tables of all sides, and the recipe's by its file. Of
        that `broken` replaces a piece by another one, to see that it is missed."""
        recipe = (ROOT / "board/broker/effect-once.sql").read_text()
        if broken:
            if recipe.count(broken[0]) != 1:
                raise SystemExit(f"bench: effect-once.sql has not once: {broken[0]}")
            recipe = recipe.replace(*broken)
        with self.connect() as connection:
            connection.execute(
                "DROP SCHEMA IF EXISTS busbar CASCADE;"
                "DROP TABLE IF EXISTS history, totals, ids, highest;"
                "CREATE TABLE history (position bigint GENERATED ALWAYS AS IDENTITY, device text, "
                "epoch uuid, lane text, seq bigint, value bigint, is_late bool);"
                "CREATE TABLE totals (device text PRIMARY KEY, events bigint, total bigint)"
                " WITH (fillfactor = 50);"
                "CREATE TABLE ids (id text PRIMARY KEY);"
                "CREATE TABLE highest (device text, lane text, seq bigint, "
                "PRIMARY KEY (device, lane))")
            connection.execute(recipe)
        if self.redis:
            self.memory().flushall()

    def stop(self):
        for server, number in ((self.redis, signal.SIGTERM), (self.postgres, signal.SIGINT)):
            if server and server.poll() is None:
                server.send_signal(number)
                server.wait()
        shutil.rmtree(self.folder)
