#!/usr/bin/env python3
"""Measures a large site: how long every list, search and page of the admin's console takes.

    cargo build --release --locked && python3 bench/scale.py --program target/release/portcullis

For each database it creates an empty one, adds many rows by SQL (a million users, two million sessions, a million
API tokens, two million events by default), starts the server, and waits until that has added the users to its
search index. Then four concurrent clients request one path after the other, while another writes twenty times a
second. It prints a table of Markdown: the median and the 99th percentile of each path, in milliseconds.

It needs Python 3.9, and for PostgreSQL its programs (`apt-get install postgresql`): it starts and stops a server of
its own. The time is measured by the client, on the same machine.
"""

import argparse, base64, glob, hashlib, http.client, json, multiprocessing, os, re, shutil, socket, sqlite3, subprocess, sys
import tempfile, time, urllib.parse

PASSWORD = "correct horse battery staple"
SECRET = base64.b64encode(os.urandom(64)).decode()
FIRST = ("ada grace alan edsger barbara donald ken dennis linus margaret katherine john mary li wei fatima olga "
         "ivan sven noor zoë josé łukasz øyvind jürgen").split()
ADMINS, TARGET = 36, 50.0


def identifier(number, kind):
    moment = f"{1732800000000 + number * 30000:012x}"
    digest = hashlib.md5(f"{kind}{number}".encode()).hexdigest()
    return f"{moment[:8]}-{moment[8:]}-7{digest[:3]}-8{digest[3:6]}-{digest[6:18]}"


class Sizes:
    def __init__(self, users):
        self.users, self.sessions, self.tokens, self.events = users, 2 * users, users, 2 * users
        # How many of the sessions have expired, and how many sessions one user has in addition.
        self.expired, self.hoard, self.hoarder = 0, 0, ""


def rows(sizes, now, moment):
    """Returns each table with its columns and rows. Each name in FIRST is the first and last name of one in 25 users."""
    day = 86_400 * 10**6
    at = lambda days: moment(now + int(days * day))
    user = lambda number: identifier(number, "u")
    secret = lambda text: hashlib.sha256(text.encode()).digest()
    yes, names = True, [name.title() for name in FIRST]

    def name(number):
        return f"{names[number % 25]} {names[number // 25 % 25]}son {number}"

    yield "users", "id name email email_verified role deactivated_at created_at updated_at".split(), (
        (user(i), name(i), f"user.{i}@example{i % 50}.com", yes, "admin" if i % (sizes.users // ADMINS) == 1 else "user",
         at(-1) if i % 97 == 0 else None, at(-200), at(-100)) for i in range(sizes.users))
    yield ("sessions", "id user_id secret_hash expires_at authenticated_at last_seen_at remember created_at updated_at".split(),
           ((identifier(i, "s"), user(i % sizes.users) if i < sizes.sessions else sizes.hoarder, secret(f"s{i}"),
             at(-1) if i < sizes.expired else at(3), at(-1), at(-.1), yes, at(-2), at(-1))
            for i in range(sizes.sessions + sizes.hoard)))
    yield "api_tokens", "id user_id token_hash display_prefix name scopes expires_at revoked_at created_at".split(), (
        (identifier(i, "t"), user(i % sizes.users), secret(f"t{i}"), "x", f"token {i}", "read write",
         at(i % 40 - 20) if i % 4 == 1 else None, at(-1) if i % 5 == 0 else None, at(-30)) for i in range(sizes.tokens))
    yield "activity", "id actor_id action subject_id detail created_at".split(), (
        (identifier(i, "a"), user(1), "user-updated", user(i * 7919 % sizes.users), "{}", at(-(i % 300)))
        for i in range(sizes.events))


class Sqlite:
    name = "SQLite"

    def __init__(self, folder):
        self.file = os.path.join(folder, "scale.db")
        self.url = "sqlite:" + self.file

    def seed(self, sizes):
        base = sqlite3.connect(self.file, isolation_level=None)
        base.executescript("PRAGMA synchronous = OFF; PRAGMA foreign_keys = OFF; PRAGMA cache_size = -400000;")
        triggers = base.execute("SELECT name, sql FROM sqlite_schema WHERE type = 'trigger' AND tbl_name IN "
                                "('users', 'sessions', 'api_tokens', 'activity')").fetchall()
        base.execute("BEGIN")
        for name, _ in triggers:
            base.execute(f"DROP TRIGGER {name}")
        for table, columns, values in rows(sizes, int(time.time() * 1e6), int):
            marks = ", ".join("?" * len(columns))
            base.executemany(f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({marks})", values)
        for _, sql in triggers:
            base.execute(sql)
        base.execute("COMMIT")
        base.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        base.close()

    def stop(self):
        pass


class Postgres:
    name = "PostgreSQL"

    def __init__(self, folder):
        programs = sorted(glob.glob("/usr/lib/postgresql/*/bin"))
        self.programs = programs[-1] if programs else os.path.dirname(shutil.which("postgres") or "")
        self.folder = os.path.join(folder, "cluster")
        os.makedirs(self.folder)
        as_user = []
        if os.getuid() == 0:
            as_user = ["runuser", "-u", "postgres", "--"]
            shutil.chown(self.folder, "postgres")
            os.chmod(folder, 0o755)
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        data = os.path.join(self.folder, "data")
        subprocess.run([*as_user, f"{self.programs}/initdb", "-D", data, "-U", "portcullis", "-A", "trust", "-E", "UTF8"],
                       check=True, stdout=subprocess.DEVNULL, cwd="/")
        # Memory as on a server of this size; every other setting is the default.
        settings = ["-c", "shared_buffers=1GB", "-c", "max_wal_size=4GB", "-c", "maintenance_work_mem=256MB"]
        self.process = subprocess.Popen(
            [*as_user, f"{self.programs}/postgres", "-D", data, "-k", self.folder, "-h", "127.0.0.1", "-p", str(self.port),
             *settings], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd="/")
        self.url = f"postgres://portcullis@127.0.0.1:{self.port}/postgres"
        for _ in range(100):
            if subprocess.run(["psql", "-qc", "SELECT 1", self.url], capture_output=True).returncode == 0:
                return
            time.sleep(.2)
        raise SystemExit("PostgreSQL does not start")

    def psql(self, *commands, **more):
        arguments = [argument for command in commands for argument in ("-c", command)]
        return subprocess.run(["psql", "-qtAv", "ON_ERROR_STOP=1", *arguments, self.url], check=True, **more)

    def seed(self, sizes):
        stamp = lambda micros: time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(micros / 1e6))

        def text(value):
            if value is None:
                return "\\N"
            if isinstance(value, bytes):
                return "\\\\x" + value.hex()
            return {True: "t", False: "f"}.get(value) or str(value).replace("\\", "\\\\")

        for table, columns, values in rows(sizes, int(time.time() * 1e6), stamp):
            copy = subprocess.Popen(
                ["psql", "-qv", "ON_ERROR_STOP=1", "-c", "SET session_replication_role = replica",
                 "-c", f"COPY {table} ({', '.join(columns)}) FROM STDIN", self.url],
                stdin=subprocess.PIPE, text=True, encoding="utf-8")
            for row in values:
                copy.stdin.write("\t".join(map(text, row)) + "\n")
            copy.stdin.close()
            if copy.wait():
                raise SystemExit(f"{table} cannot be filled")
        self.psql("VACUUM ANALYZE")

    def stop(self):
        self.process.terminate()
        self.process.wait()


class Server:
    def __init__(self, program, folder, url, settings=()):
        free = socket.socket()
        free.bind(("127.0.0.1", 0))
        self.port = free.getsockname()[1]
        free.close()
        self.process = subprocess.Popen(
            [program, "--database-url", url, "--data-dir", folder, "--secret", SECRET, "--listen",
             f"127.0.0.1:{self.port}", "--log", "warn", "--limit-requests", "off", "--limit-tokens", "off",
             *settings],
            stdout=subprocess.DEVNULL)
        for _ in range(600):
            try:
                if Client(self.port).get("/health/ready")[0] == 200:
                    return
            except OSError:
                pass
            if self.process.poll() is not None:
                raise SystemExit("the server does not start")
            time.sleep(.1)

    def stop(self):
        self.process.terminate()
        self.process.wait()


class Client:
    def __init__(self, port, cookie=None, accept="text/html,application/json"):
        self.port, self.cookie, self.accept = port, cookie, accept
        self.connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)

    def ask(self, method, path, body=None):
        headers = {"Origin": f"http://127.0.0.1:{self.port}", "Accept": self.accept}
        if self.cookie:
            headers["Cookie"] = self.cookie
        if body is not None:
            headers["Content-Type"], body = "application/json", json.dumps(body)
        self.connection.request(method, path, body, headers)
        reply = self.connection.getresponse()
        return reply.status, reply.read(), reply

    def get(self, path):
        return self.ask("GET", path)


def sign_in(port):
    body = {"email": "operator@example.org", "password": PASSWORD}
    status, text, reply = Client(port).ask("POST", "/api/auth/sign-in/email", body)
    if status != 200:
        raise SystemExit(f"sign-in: {status} {text!r}")
    return reply.getheader("Set-Cookie").split(";")[0]


def read(port, cookie, path, until, result):
    client, times = Client(port, cookie), []
    while time.monotonic() < until:
        begun = time.perf_counter()
        status, text, _ = client.get(path)
        times.append((time.perf_counter() - begun) * 1e3)
        if status != 200:
            result.put((f"{path}: {status} {text[:200]!r}", []))
            return
    result.put((None, times))


def write(port, cookie, rate, stop, result):
    client, times, due = Client(port, cookie), [], time.monotonic()
    while not stop.is_set():
        begun = time.perf_counter()
        status, text, _ = client.ask("POST", "/api/tokens", {"name": "written meanwhile"})
        times.append((time.perf_counter() - begun) * 1e3)
        if status != 201:
            result.put((f"write: {status} {text[:200]!r}", []))
            return
        due += 1 / rate
        time.sleep(max(0, due - time.monotonic()))
    result.put((None, times))


def paths(client, sizes):
    middle = identifier(sizes.users // 2, "u")
    some = identifier(777, "u")
    quoted = urllib.parse.quote
    users, tokens = "/api/admin/users?limit=20", "/api/admin/tokens?limit=20"

    def far_down(path):
        """Returns the path of the tenth page."""
        cursor = ""
        for _ in range(9):
            _, text, _ = client.get(path + cursor)
            following = json.loads(text)["nextCursor"]
            if not following:
                break
            cursor = f"&cursor={following}"
        return path + cursor

    yield "users, first page", users
    yield "users, a page in the middle", f"{users}&cursor={middle}"
    for what in ["role=admin", "role=user", "state=active", "state=deactivated", "role=admin&state=active", "role=user&state=deactivated"]:
        yield f"users, {what.replace('&', ', ')}", f"{users}&{what}"
        yield f"users, {what.replace('&', ', ')}, tenth page", far_down(f"{users}&{what}")
    for what, text in [("a rare word", "777"), ("a common word", "grace"), ("a common word, with an accent", "jürgen"),
                       ("two common words", "li wei"), ("a common and a rare word", "grace 777"), ("one letter", "g"),
                       ("a word that all have", "user"), ("three words that all or many have", "user com li"),
                       ("no user has it", "nobody"), ("a whole email", "user.777@example27.com"), ("an id", some)]:
        yield f"search: {what} (`{text if text != some else '…'}`)", f"{users}&search={quoted(text)}"
    for text in ["grace", "li wei"]:
        yield f"search: `{text}`, tenth page", far_down(f"{users}&search={quoted(text)}")
        for what in ["role=admin", "state=deactivated", "role=user&state=active"]:
            yield f"search: `{text}`, {what.replace('&', ', ')}", f"{users}&search={quoted(text)}&{what}"
    yield "tokens, first page", tokens
    for state in ["active", "expired", "revoked"]:
        yield f"tokens, {state}", f"{tokens}&state={state}"
        yield f"tokens, {state}, tenth page", far_down(f"{tokens}&state={state}")
        yield f"tokens, {state}, of one user", f"{tokens}&state={state}&userId={some}"
    yield "tokens, of one user", f"{tokens}&userId={some}"
    yield "events, first page", "/api/admin/activity?limit=20"
    yield "events, a page in the middle", f"/api/admin/activity?limit=20&cursor={identifier(sizes.events // 2, 'a')}"
    yield "events, of one user", f"/api/admin/activity?limit=20&subjectId={some}"
    yield "jobs", "/api/admin/jobs"
    yield "a user's sessions", f"/api/admin/users/{some}/sessions"
    for page in ["/admin", "/admin?search=grace", "/admin?search=li+wei", f"/admin/users/{some}", "/admin/tokens",
                 "/admin/tokens?state=expired", "/admin/activity", "/admin/jobs", "/settings", "/dashboard", "/setup"]:
        yield f"page: `{page.replace(some, '…')}`", page
    yield "`/api/me`", "/api/me"
    yield "`/health/ready`", "/health/ready"


def percentile(times, part):
    return sorted(times)[min(len(times) - 1, int(len(times) * part))] if times else float("nan")


def measure(database, program, folder, sizes, arguments):
    environment = {key: value for key, value in os.environ.items() if not key.startswith(("PORTCULLIS_", "DATABASE_"))}
    os.environ.clear()
    os.environ.update(environment)
    said = lambda text: print(f"<!-- {database.name}: {text} -->", flush=True)
    create = [program, "user", "create", "--admin", "--name", "Operator", "--email", "operator@example.org",
              "--database-url", database.url, "--data-dir", folder, "--secret", SECRET]
    server = Server(program, folder, database.url)
    server.stop()
    subprocess.run(create, input=PASSWORD, text=True, check=True, stdout=subprocess.DEVNULL)
    begun = time.monotonic()
    database.seed(sizes)
    said(f"seeded in {time.monotonic() - begun:.0f} s")
    begun = time.monotonic()
    server = Server(program, folder, database.url)
    cookie = sign_in(server.port)
    client = Client(server.port, cookie)
    while json.loads(client.get("/api/admin/users?search=nobody")[1]).get("indexing"):
        time.sleep(1)
        client.connection.close()
    said(f"the search index was complete after {time.monotonic() - begun:.0f} s")
    if isinstance(database, Postgres):
        database.psql("VACUUM ANALYZE")
    context = multiprocessing.get_context("fork")
    stop, written = context.Event(), context.Queue()
    writer = context.Process(target=write, args=(server.port, cookie, arguments.writes, stop, written))
    writer.start()
    over, table = [], []
    for what, path in paths(client, sizes):
        client.connection.close()
        result = context.Queue()
        until = time.monotonic() + arguments.seconds
        readers = [context.Process(target=read, args=(server.port, cookie, path, until, result)) for _ in range(arguments.readers)]
        for reader in readers:
            reader.start()
        times = []
        for _ in readers:
            fault, some = result.get()
            if fault:
                raise SystemExit(fault)
            times += some
        for reader in readers:
            reader.join()
        middle, last = percentile(times, .5), percentile(times, .99)
        table.append((what, middle, last, len(times)))
        if last > TARGET:
            over.append(what)
        print(f"{database.name}: {what}: {middle:.1f} / {last:.1f} ms of {len(times)}", file=sys.stderr, flush=True)
    stop.set()
    fault, times = written.get()
    writer.join()
    if fault:
        raise SystemExit(fault)
    table.append((f"a write, {arguments.writes} a second meanwhile", percentile(times, .5), percentile(times, .99), len(times)))
    server.stop()
    return table, over


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--program", required=True, help="the release build to measure")
    parser.add_argument("--users", type=int, default=1_000_000, help="as many API tokens, twice as many sessions and events")
    parser.add_argument("--readers", type=int, default=4, help="how many clients ask at once")
    parser.add_argument("--writes", type=int, default=20, help="how many writes there are each second")
    parser.add_argument("--seconds", type=float, default=5, help="how long each path is asked for")
    parser.add_argument("--only", choices=["sqlite", "postgres"], help="one database alone")
    arguments = parser.parse_args()
    program, sizes = os.path.abspath(arguments.program), Sizes(arguments.users)
    tables, over = {}, []
    for kind in [Sqlite, Postgres]:
        if arguments.only and kind.__name__.lower() != arguments.only:
            continue
        folder = tempfile.mkdtemp(prefix="portcullis-scale-")
        database = kind(folder)
        try:
            tables[kind.name], slow = measure(database, program, os.path.join(folder, "data"), sizes, arguments)
            over += [f"{kind.name}: {what}" for what in slow]
        finally:
            database.stop()
            shutil.rmtree(folder, ignore_errors=True)
    names = list(tables)
    print(f"\n| {sizes.users:,} users, {sizes.sessions:,} sessions, {sizes.tokens:,} tokens, {sizes.events:,} events | "
          + " | ".join(f"{name}, p50 ms | p99 ms" for name in names) + " |")
    print("| --- |" + " --: | --: |" * len(names))
    for each in zip(*tables.values()):
        print(f"| {each[0][0]} | " + " | ".join(f"{row[1]:.1f} | {row[2]:.1f}" for row in each) + " |")
    if over:
        print(f"\nOver {TARGET:.0f} ms: " + "; ".join(over), file=sys.stderr)
        sys.exit(1)


if __name__ == "__main__":
    main()
