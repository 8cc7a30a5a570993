#!/usr/bin/env python3
"""Replaces the old version of Ledger by the new one under load, and the new one by the old one, on both databases.

`.ci/upgrade` builds the two programs and calls this. On PostgreSQL there are two instances, the next one is started
before one is drained, and no request may fail. On SQLite there is one process, and a request may fail only between the
end of one and the start of the next. After each direction the tables have exactly what was acknowledged.
"""

import contextlib, http.client, os, re, socket, sqlite3, subprocess, sys, time

from load import Load, send
from scale import SECRET, Postgres, Server, Sqlite

# How long an instance serves on after SIGTERM, in seconds.
DRAIN = 2
USERS = 4
COUNTED = ["users", "sessions", "api_tokens", "invoices"]
SETTINGS = ["--limit-sign-up", "off", "--limit-mail", "off", "--drain-delay", str(DRAIN)]


class Version:
    def __init__(self, number, program):
        self.number, self.program = number, program


class Instance(Server):
    """A process, which has said that it is of the version."""

    started = []

    def __init__(self, version, database, folder):
        Instance.started.append(self)
        self.version, self.ready, self.process = version, False, None
        self.name = f"instance {len(Instance.started)} ({version.number})"
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            metrics = "127.0.0.1:%d" % free.getsockname()[1]
        super().__init__(version.program, folder, database.url, [*SETTINGS, "--metrics-listen", metrics])
        connection = http.client.HTTPConnection(metrics)
        connection.request("GET", "/metrics")
        runs = re.search(r'^ledger_build_info{.*version="(.+?)"', connection.getresponse().read().decode(), re.M).group(1)
        require(runs == version.number, f"{self.name} says that it is {runs}")

    def drain(self):
        """Stops the process, and returns when it was asked to."""
        asked = time.monotonic()
        self.process.terminate()
        require(self.process.wait(60) == 0, f"{self.name} ended with {self.process.returncode}")
        return asked


def require(condition, otherwise):
    if not condition:
        raise SystemExit(otherwise)


class Roll:
    def __init__(self, database, folder):
        self.database, self.folder, self.counts, self.faults, self.gaps = database, folder, [], [], []
        # A SQLite file belongs to one process.
        self.several = isinstance(database, Postgres)
        self.load = Load(probe=self.several)

    def run(self, old, new, migration):
        for _ in range(2 if self.several else 1):
            self.add(self.start(old))
        self.load.start(USERS)
        self.load.phase("the old version")
        self.load.goes_on(3)
        self.check("before", None)
        for name, version, direction in [("forward", new, "the new version"), ("back", old, "the old version again")]:
            for instance in list(self.load.instances):
                self.replace(instance, version, name) if self.several else self.restart(instance, version, name)
            self.load.phase(direction)
            self.load.goes_on()
            self.check(name, migration)
        self.load.stop()
        self.finish_jobs()
        for instance in self.load.instances:
            instance.drain()
        self.judge()
        self.refuse(old, new)

    def start(self, version):
        return Instance(version, self.database, self.folder)

    def add(self, instance):
        instance.ready = True
        self.load.instances.append(instance)

    def replace(self, instance, version, name):
        self.load.phase(f"{name}: {version.number} starts beside {instance.version.number}")
        self.add(self.start(version))
        self.load.goes_on()
        self.load.phase(f"{name}: one {instance.version.number} stops")
        instance.drain()
        self.load.instances.remove(instance)
        self.load.goes_on()

    def restart(self, instance, version, name):
        self.load.phase(f"{name}: {instance.version.number} stops, {version.number} starts")
        asked = instance.drain()
        following = self.start(version)
        self.load.instances[:] = [following]
        self.gaps.append((asked + DRAIN, time.monotonic()))
        self.load.goes_on()

    def rows(self, sql):
        """Returns the rows of a query as a dictionary: the first column is the key, the second a number."""
        return {key: int(value) for key, value in self.execute(sql)}

    def execute(self, sql):
        if self.several:
            text = self.database.psql(sql, capture_output=True, text=True).stdout
            return [line.split("|") for line in text.splitlines()]
        with contextlib.closing(sqlite3.connect(self.database.file, isolation_level=None, timeout=60)) as base:
            return base.execute(sql).fetchall()

    def check(self, name, migration):
        """Compares the tables with what was acknowledged, while no request is in progress."""
        load = self.load
        with load.paused():
            for table, expected, sql in [
                    ("invoices", load.invoices, "SELECT number, amount_cents FROM invoices"),
                    ("users", load.emails, "SELECT email, 1 FROM users"),
                    ("api_tokens", load.tokens, "SELECT name, 1 FROM api_tokens WHERE revoked_at IS NULL")]:
                self.faults += [f"{name}: {table}: {fault}" for fault in expected.faults(self.rows(sql))]
            self.counts.append((name, {
                table: self.rows(f"SELECT '', count(*) FROM {table}")[""] for table in COUNTED}))
            components = self.rows("SELECT component, count(*) FROM schema_compatibility GROUP BY component")
            self.counts[-1][1].update({f"migrations of {component}": count for component, count in components.items()})
            if set(components) != {"portcullis", "ledger"}:
                self.faults.append(f"{name}: schema_compatibility has the components {components}")
            if migration and migration not in self.rows("SELECT migration, 1 FROM schema_compatibility"):
                self.faults.append(f"{name}: {migration} was not applied")
            self.check_credentials(name)

    def check_credentials(self, name):
        """Uses the session and the token of every user who has signed up so far, at each instance."""
        for instance in self.load.instances:
            for member in [member for user in self.load.users for member in user.members]:
                for headers in [member.cookie, member.token]:
                    status, text, _ = send(instance, "GET", "/api/me", headers=headers)
                    if status != 200 or member.email not in text:
                        self.faults.append(f"{name}: {member.name} at {instance.name}: {status} {text[:200]}")

    def finish_jobs(self):
        """Waits until the due reminders that both versions have queued are done. Those of the next year must wait."""
        tomorrow = "now() + interval '1 day'" if self.several else "(strftime('%s') + 86400) * 1000000"
        jobs = "SELECT '', count(*) FROM jobs WHERE kind = 'invoice-reminder' AND run_at"
        for _ in range(600):
            due = self.rows(f"{jobs} < {tomorrow}")[""]
            if not due:
                break
            time.sleep(.1)
        waiting = self.rows(f"{jobs} >= {tomorrow}")[""]
        failed = self.rows("SELECT '', count(*) FROM jobs WHERE last_error IS NOT NULL")[""]
        if due or failed or not waiting:
            self.faults.append(f"of the jobs, {due} are due, {waiting} wait for next year and {failed} have failed")

    def judge(self):
        """Prints the summary, and fails if anything was wrong."""
        print(f"\n{self.database.name:46} requests  failed  seconds")
        for phase in self.load.phases:
            print(f"  {phase.name:44} {phase.requests:8}  {len(phase.failures):6}  {phase.seconds:7.1f}")
            for failure in phase.failures:
                if not self.is_excused(failure):
                    self.faults.append(f"{phase.name}: {failure.what}")
        requests = sum(phase.requests for phase in self.load.phases)
        failed = sum(len(phase.failures) for phase in self.load.phases)
        print(f"  {'in total':44} {requests:8}  {failed:6}  {sum(phase.seconds for phase in self.load.phases):7.1f}")
        columns = [name for name, _ in self.counts]
        print(f"  {'rows':40}" + "".join(f"{name:>10}" for name in columns))
        for table in self.counts[-1][1]:
            print(f"  {table:40}" + "".join(f"{counts.get(table, 0):10}" for _, counts in self.counts))
        for begun, ended in self.gaps:
            print(f"  no process served for up to {ended - begun:.1f} s")
        if self.faults:
            print(*self.faults[:20], sep="\n", file=sys.stderr)
            raise SystemExit(f"{self.database.name}: {len(self.faults)} faults, of which the first are above")

    def is_excused(self, failure):
        """Whether no process ran: the server before had stopped accepting, and the next was not ready."""
        return not failure.answered and any(
            begun <= failure.ended and failure.begun <= ended for begun, ended in self.gaps)

    def refuse(self, old, new):
        """A migration that the old version must not run beside: it does not start, and the new one does."""
        insert = ("INSERT INTO schema_compatibility (component, migration, oldest_binary) "
                  f"VALUES ('portcullis', '2099-01-01-000001_later', '{new.number}')")
        self.execute(insert)
        start = [old.program, "--database-url", self.database.url, "--data-dir", self.folder, "--secret", SECRET,
                 "--listen", "127.0.0.1:0"]
        try:
            refused = subprocess.run(start, capture_output=True, text=True, timeout=60)
        except subprocess.TimeoutExpired:
            raise SystemExit(f"{self.database.name}: {old.number} serves on tables of {new.number}") from None
        said = refused.stdout + refused.stderr
        reason = f"needs version {new.number} or newer of portcullis, and this is {old.number}"
        require(refused.returncode != 0 and reason in said, f"{old.number} ended with {refused.returncode}: {said}")
        self.start(new).drain()
        print(f"  {old.number} refuses to start after a migration of {new.number} alone: {said.strip()}")


def main():
    home, migration = sys.argv[1:3]
    old, new = Version(*sys.argv[3:5]), Version(*sys.argv[5:7])
    for name in [name for name in os.environ if name.startswith(("LEDGER_", "DATABASE_"))]:
        del os.environ[name]
    for kind in [Postgres, Sqlite]:
        folder = os.path.join(home, kind.name)
        os.makedirs(folder)
        os.chmod(home, 0o755)
        database = kind(folder)
        roll = Roll(database, os.path.join(folder, "data"))
        try:
            roll.run(old, new, migration)
        finally:
            # PostgreSQL waits for its clients before it stops.
            for process in [instance.process for instance in Instance.started if instance.process]:
                process.kill()
            database.stop()


main()
