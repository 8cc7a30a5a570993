"""Users of Ledger, who read and write without a pause, and what they know to be stored."""

import collections, contextlib, datetime, http.client, itertools, json, random, threading, time

from scale import PASSWORD

# The time between two requests of one user, in seconds.
PACE = 0.01
# How often the balancer asks whether an instance is ready, in seconds.
PROBE = 0.05
# Overdue, so that the job that reminds the user runs at once, on whichever version takes it; and in a year, so that it waits.
DUE = [(datetime.date.today() + datetime.timedelta(days)).isoformat() for days in (-2, 365)]


class Expected(dict):
    """The rows that a table must have: for each key the values that are right; None stands for no row.

    There are several while a write has got no answer, which may have been done or not."""

    def acknowledge(self, key, value):
        self[key] = {value}

    def doubt(self, key, value):
        self[key] = self.get(key, {None}) | {value}

    def faults(self, rows):
        wrong = [f"{key} is {rows.get(key)}, not one of {values}"
                 for key, values in self.items() if rows.get(key) not in values]
        return wrong + [f"{key} was created by nobody" for key in rows.keys() - self.keys()]


class Phase:
    def __init__(self, name):
        self.name, self.begun, self.seconds = name, time.monotonic(), 0.0
        self.requests, self.failures, self.served = 0, [], collections.Counter()


class Failure:
    def __init__(self, what, answered, begun):
        self.what, self.answered, self.begun, self.ended = what, answered, begun, time.monotonic()


class Load:
    """The users, and the balancer between them and the instances.

    The balancer takes turns among the instances that are ready, and repeats no request. A request fails if it gets no
    answer, another status than it should, or rows that differ from what was acknowledged. Without `probe` there is one
    instance, and requests are sent to it whether it is ready or not, as they are without a balancer."""

    def __init__(self, probe):
        self.probe, self.instances, self.turns, self.lock = probe, [], itertools.count(), threading.Lock()
        self.invoices, self.emails, self.tokens = Expected(), Expected(), Expected()
        self.phases, self.users, self.stopped = [Phase("sign-up")], [], threading.Event()
        if probe:
            threading.Thread(target=self.look, daemon=True).start()

    def look(self):
        while not self.stopped.is_set():
            for instance in list(self.instances):
                try:
                    instance.ready = send(instance, "GET", "/health/ready")[0] == 200
                except (OSError, http.client.HTTPException):
                    instance.ready = False
            time.sleep(PROBE)

    def phase(self, name):
        self.phases[-1].seconds = time.monotonic() - self.phases[-1].begun
        self.phases.append(Phase(name))

    def ask(self, expected, method, path, body=None, headers=()):
        """Sends a request, and returns the answer; or None, which is a failure."""
        begun, answered = time.monotonic(), False
        ready = [instance for instance in self.instances if instance.ready or not self.probe]
        instance = ready[next(self.turns) % len(ready)] if ready else None
        try:
            if instance is None:
                raise OSError("no instance is ready")
            status, text, answer_headers = send(instance, method, path, body, headers)
            answered, fault = True, f"{status} {text[:300]}" if status != expected else None
        except (OSError, http.client.HTTPException) as error:
            fault = repr(error)
        if fault:
            self.fail(f"{method} {path} at {instance and instance.name}: {fault}", answered, begun)
        with self.lock:
            self.phases[-1].requests += 1
            if not fault:
                self.phases[-1].served[instance] += 1
        return None if fault else (json.loads(text) if text else {}, answer_headers)

    def fail(self, what, answered=True, begun=None):
        self.phases[-1].failures.append(Failure(what, answered, begun or time.monotonic()))

    def start(self, users):
        self.users = [User(self, f"user{number}") for number in range(users)] + [Newcomers(self)]
        for user in self.users:
            threading.Thread(target=self.run, args=(user,), daemon=True).start()

    def run(self, user):
        try:
            user.work()
        except Exception as error:  # Otherwise the thread would end, and nobody would miss its requests.
            self.fail(f"a user gave up: {error!r}")

    def goes_on(self, seconds=2.0, requests=50):
        """Waits for this long, and until each instance has served this many requests more."""
        begun, before = time.monotonic(), {instance: self.served(instance) for instance in self.instances}
        while time.monotonic() < begun + seconds or any(
                self.served(instance) < count + requests for instance, count in before.items()):
            if time.monotonic() > begun + 60:
                self.fail("an instance serves no requests")
                return
            time.sleep(.02)

    def served(self, instance):
        return sum(phase.served[instance] for phase in self.phases)

    @contextlib.contextmanager
    def paused(self):
        """Holds the users between two requests."""
        with contextlib.ExitStack() as stack:
            for user in self.users:
                stack.enter_context(user.turn)
            yield

    def stop(self):
        self.stopped.set()
        with self.paused():
            self.phase("")
            self.phases.pop()


class User:
    """A user, who signs in once and keeps one session and one API token all the time."""

    def __init__(self, load, name):
        self.load, self.name, self.turn = load, name, threading.Lock()
        self.email, self.numbers, self.invoices = f"{name}@example.com", itertools.count(), {}
        self.random, self.members = random.Random(name), [self]
        self.cookie = self.token = None
        self.sign_up()

    def sign_up(self):
        body = {"name": self.name, "email": self.email, "password": PASSWORD}
        answer = self.load.ask(200, "POST", "/api/auth/sign-up/email", body)
        self.note(self.load.emails, self.email, 1, answer)
        if answer:
            self.cookie = {"Cookie": answer[1]["Set-Cookie"].split(";")[0]}
            answer = self.load.ask(201, "POST", "/api/tokens", {"name": self.name}, self.cookie)
            self.note(self.load.tokens, self.name, 1, answer)
            self.token = {"Authorization": f"Bearer {answer[0]['token']}"} if answer else None

    def note(self, table, key, value, answer):
        (table.acknowledge if answer else table.doubt)(key, value)

    def work(self):
        steps = [self.create, self.read, self.list, self.change, self.read, self.create, self.list, self.me, self.delete]
        # An odd number of steps, so that each is done with the cookie and with the token.
        for step, headers in zip(itertools.cycle(steps), itertools.cycle([self.cookie, self.token])):
            with self.turn:
                if self.load.stopped.is_set():
                    return
                step(headers)
            time.sleep(PACE)

    def create(self, headers):
        number, amount = f"{self.name}-{next(self.numbers)}", self.random.randint(1, 10**8)
        body = {"number": number, "customerName": "Analytical Engines", "amountCents": amount,
                "dueDate": self.random.choice(DUE)}
        answer = self.load.ask(201, "POST", "/api/invoices", body, headers)
        self.note(self.load.invoices, number, amount, answer)
        if answer:
            self.invoices[number] = f"/api/invoices/{answer[0]['id']}"

    def pick(self):
        return self.random.choice(list(self.invoices.items()))

    def read(self, headers):
        if self.invoices:
            answer = self.load.ask(200, "GET", self.pick()[1], headers=headers)
            self.compare([answer[0]] if answer else [])

    def list(self, headers):
        answer = self.load.ask(200, "GET", "/api/invoices?limit=10", headers=headers)
        self.compare(answer[0]["items"] if answer else [])

    def compare(self, invoices):
        for invoice in invoices:
            values = self.load.invoices.get(invoice["number"], {None})
            if invoice["amountCents"] not in values:
                self.load.fail(f"{invoice['number']} reads {invoice['amountCents']}, not one of {values}")

    def change(self, headers):
        if self.invoices:
            (number, path), amount = self.pick(), self.random.randint(1, 10**8)
            answer = self.load.ask(200, "PATCH", path, {"amountCents": amount}, headers)
            self.note(self.load.invoices, number, amount, answer)

    def delete(self, headers):
        if self.invoices:
            number, path = self.pick()
            self.note(self.load.invoices, number, None, self.load.ask(204, "DELETE", path, headers=headers))
            # Also if there was no answer: then nobody knows whether it can be read.
            del self.invoices[number]

    def me(self, headers):
        answer = self.load.ask(200, "GET", "/api/me", headers=headers)
        if answer and answer[0]["user"]["email"] != self.email:
            self.load.fail(f"{self.email} is {answer[0]}")


class Newcomers:
    """Users who sign up one after the other, and create one invoice each."""

    def __init__(self, load):
        self.load, self.turn, self.members = load, threading.Lock(), []

    def work(self):
        for number in itertools.count():
            with self.turn:
                if self.load.stopped.is_set():
                    return
                member = User(self.load, f"newcomer{number}")
                if member.token:
                    member.create(member.token)
                    self.members.append(member)
            time.sleep(20 * PACE)


def send(instance, method, path, body=None, headers=()):
    """Sends a request on a connection of its own: on one that is kept alive, it could meet the server's closing."""
    base = f"127.0.0.1:{instance.port}"
    connection = http.client.HTTPConnection(base, timeout=30)
    headers = {"Origin": f"http://{base}", "Content-Type": "application/json", **dict(headers)}
    try:
        connection.request(method, path, None if body is None else json.dumps(body), headers)
        response = connection.getresponse()
        return response.status, response.read().decode(), response.headers
    finally:
        connection.close()
