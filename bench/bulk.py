#!/usr/bin/env python3
"""Measures bulk revocations and deletions: how long they take, and the latency of sign-ins and writes meanwhile.

    cargo build --release --locked && python3 bench/bulk.py --program target/release/portcullis

On each database, beside a client that signs in twice a second and one that writes twenty times a second:

- the server starts with expired sessions (300,000 on SQLite, 1.5 million on PostgreSQL) and deletes them;
- an admin deactivates a user who has 150,000 sessions and revokes their credentials;
- `session revoke --all` ends 600,000 sessions more, and `token revoke --all` revokes 300,000 API tokens.

It prints a table of Markdown: how long until the response, whether the credentials were still valid after it, how
long until the last row was deleted, and the slowest sign-in and write until then. Needs what `scale.py` needs.
"""

import argparse, json, multiprocessing, os, shutil, sqlite3, subprocess, sys, tempfile, time

from scale import PASSWORD, SECRET, Client, Postgres, Server, Sizes, Sqlite, percentile, sign_in

# The number of expired sessions per user.
EXPIRED = {"SQLite": 1, "PostgreSQL": 5}
# The limit for a sign-in or a write during the change, in milliseconds.
LIMIT = 1000.0


class Meanwhile:
    """The measurements of one client, which runs as a process of its own."""

    def __init__(self, work, *arguments):
        context = multiprocessing.get_context("fork")
        self.stop, self.result = context.Event(), context.Queue()
        self.process = context.Process(target=work, args=(*arguments, self.stop, self.result))
        self.process.start()

    def end(self):
        self.stop.set()
        times, failures = self.result.get()
        self.process.join()
        return times, failures


def repeat(interval, stop, result, ask):
    """Sends requests at a steady rate. A 401 means that the client's own session was revoked: it signs in again."""
    times, failures, due = [], [], time.monotonic()
    while not stop.is_set():
        begun = time.perf_counter()
        try:
            status = ask()
        except OSError as fault:
            status = repr(fault)
        times.append((time.perf_counter() - begun) * 1e3)
        if status not in (200, 201, 401):
            failures.append(status)
        due = max(due + interval, time.monotonic())
        time.sleep(max(0, due - time.monotonic()))
    result.put((times, failures))


def writes(port, stop, result):
    client = Client(port, sign_in(port))

    def ask():
        status = client.ask("POST", "/api/tokens", {"name": "written meanwhile"})[0]
        if status == 401:
            client.cookie = sign_in(port)
        return status

    repeat(1 / 20, stop, result, ask)


def sign_ins(port, stop, result):
    body = {"email": "operator@example.org", "password": PASSWORD}
    repeat(1 / 2, stop, result, lambda: Client(port).ask("POST", "/api/auth/sign-in/email", body)[0])


def count(database, sql):
    if isinstance(database, Postgres):
        return int(database.psql(sql, capture_output=True, text=True).stdout)
    base = sqlite3.connect(f"file:{database.file}?mode=ro", uri=True, timeout=60)
    try:
        return base.execute(sql).fetchone()[0]
    finally:
        base.close()


def wait(database, sql, limit=1800):
    begun = time.monotonic()
    while count(database, sql):
        if time.monotonic() - begun > limit:
            raise SystemExit(f"after {limit} s there are rows left: {sql}")
        time.sleep(1)
    return time.monotonic() - begun


def measured(port, what, act, left, database, quiet=2):
    """Runs one bulk change beside the clients, until no row is left to delete."""
    others = [Meanwhile(sign_ins, port), Meanwhile(writes, port)]
    time.sleep(quiet)
    begun = time.perf_counter()
    after = act()
    answered = time.perf_counter() - begun
    cleaned = wait(database, left)
    (signed, failed_signs), (written, failed_writes) = [other.end() for other in others]
    failures = failed_signs + failed_writes
    row = (what, answered, after(), cleaned, max(signed), max(written), len(failures))
    print(f"{database.name}: {row} p99 of sign-ins {percentile(signed, .99):.0f}, of writes {percentile(written, .99):.0f} ms; "
          f"{len(signed)} sign-ins, {len(written)} writes; {failures[:5]}", flush=True)
    return row


def run(program, database, folder, arguments):
    create = [program, "user", "create", "--admin", "--name", "Operator", "--email", "operator@example.org",
              "--database-url", database.url, "--data-dir", folder, "--secret", SECRET]
    command = lambda *words: subprocess.run(
        [program, *words, "--database-url", database.url, "--data-dir", folder, "--secret", SECRET], check=True,
        stdout=subprocess.DEVNULL)
    settings = ["--limit-sign-up", "off", "--limit-sign-in", "off"]
    server = Server(program, folder, database.url, settings)
    subprocess.run(create, input=PASSWORD, text=True, check=True, stdout=subprocess.DEVNULL)
    body = {"name": "Hoarder", "email": "hoarder@example.org", "password": PASSWORD}
    status, text, reply = Client(server.port).ask("POST", "/api/auth/sign-up/email", body)
    assert status == 200, text
    hoarder, cookie = json.loads(text)["user"]["id"], reply.getheader("Set-Cookie").split(";")[0]
    server.stop()

    sizes = Sizes(arguments.users)
    sizes.expired, sizes.hoard, sizes.hoarder = int(EXPIRED[database.name] * arguments.users), arguments.users // 2, hoarder
    # The number of live sessions is the same on both databases.
    sizes.sessions += sizes.expired
    begun = time.monotonic()
    database.seed(sizes)
    print(f"{database.name}: seeded in {time.monotonic() - begun:.0f} s", flush=True)

    server = Server(program, folder, database.url, settings)
    port, rows = server.port, []
    works = lambda cookie: Client(port, cookie, "application/json").get("/api/me")[0]
    now = "now()" if isinstance(database, Postgres) else str(int(time.time() * 1e6))
    expired = f"SELECT count(*) FROM (SELECT 1 FROM sessions WHERE expires_at < {now} LIMIT 1) expired"
    noted = "SELECT count(*) FROM revocation_cleanup"
    rows.append(measured(port, f"{sizes.expired:,} expired sessions, from the start", lambda: lambda: "", expired, database, quiet=0))

    def deactivate():
        assert works(cookie) == 200
        operator = Client(port, sign_in(port))
        status, text, _ = operator.ask("POST", f"/api/admin/users/{hoarder}/deactivate", {"revokeCredentials": True})
        assert status in (200, 204), (status, text)
        refused = works(cookie)
        return lambda: refused

    rows.append(measured(port, f"deactivate a user with {sizes.hoard:,} sessions", deactivate, noted, database))

    def all_sessions():
        before = sign_in(port)
        total = count(database, "SELECT count(*) FROM sessions")
        begun = time.perf_counter()
        command("session", "revoke", "--all")
        took, refused = time.perf_counter() - begun, works(before)
        print(f"{database.name}: session revoke --all with {total:,} sessions: {took:.2f} s", flush=True)
        return lambda: refused

    rows.append(measured(port, "`session revoke --all`", all_sessions, noted, database))

    def all_tokens():
        operator = Client(port, sign_in(port))
        status, text, _ = operator.ask("POST", "/api/tokens", {"name": "bulk", "scopes": ["read"]})
        assert status == 201, text
        token = json.loads(text)["token"]
        total = count(database, "SELECT count(*) FROM api_tokens WHERE revoked_at IS NULL")
        begun = time.perf_counter()
        command("token", "revoke", "--all")
        took = time.perf_counter() - begun
        client = Client(port)
        client.connection.request("GET", "/api/me", headers={"Authorization": f"Bearer {token}"})
        refused = client.connection.getresponse().status
        print(f"{database.name}: token revoke --all with {total:,} tokens: {took:.2f} s", flush=True)
        return lambda: refused

    rows.append(measured(port, "`token revoke --all`", all_tokens, noted, database))
    server.stop()
    return rows


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--program", required=True, help="the release build to measure")
    parser.add_argument("--users", type=int, default=300_000, help="all numbers above are in proportion to it")
    parser.add_argument("--only", choices=["sqlite", "postgres"], help="one database alone")
    arguments = parser.parse_args()
    for name in [name for name in os.environ if name.startswith(("PORTCULLIS_", "DATABASE_"))]:
        del os.environ[name]
    table, late = [], []
    for kind in [Sqlite, Postgres]:
        if arguments.only and kind.__name__.lower() != arguments.only:
            continue
        folder = tempfile.mkdtemp(prefix="portcullis-bulk-")
        database = kind(folder)
        try:
            for row in run(os.path.abspath(arguments.program), database, os.path.join(folder, "data"), arguments):
                table.append((database.name, *row))
        finally:
            database.stop()
            shutil.rmtree(folder, ignore_errors=True)
    print("\n| | | answer, s | the credential then | all rows gone, s | slowest sign-in, ms | slowest write, ms | failed |")
    print("| --- | --- | --: | --- | --: | --: | --: | --: |")
    for name, what, answered, after, cleaned, signed, written, failed in table:
        print(f"| {name} | {what} | {answered:.2f} | {after} | {cleaned:.0f} | {signed:.0f} | {written:.0f} | {failed} |")
        if max(signed, written) > LIMIT or failed:
            late.append(f"{name}: {what}")
    if late:
        print("\nLate or failed: " + "; ".join(late), file=sys.stderr)
        sys.exit(1)


if __name__ == "__main__":
    main()
