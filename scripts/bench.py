#!/usr/bin/env python3
"""Measures Countersign on this machine: against direct and the usual proxies, and what only it does.

    make bench                                     everything, ~15 minutes
    make bench BENCH_ARGS='--only latency,cycles'  parts: compare, databases, statements, idle, bulk, latency, cycles, stall

`compare`, `databases` and `statements` run the comparison harness (bench.py and stack.py in the folder given by --harness) with Countersign as
one more subject, its real sshd, PostgreSQL and MariaDB behind it, recording on. The others need no harness. Prints Markdown.
"""
import argparse, http.client, json, os, pty, re, select, shutil, signal, socket, statistics, subprocess, sys, tempfile, time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from stand import Failed, Stand  # noqa: E402

RUNS = 200


class AdminConnection(http.client.HTTPConnection):
    """HTTP over the administrators' socket."""

    def __init__(self, path):
        super().__init__("localhost")
        self.path = path

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.connect(self.path)


class Admin:
    def __init__(self, stand):
        self.http = AdminConnection(os.path.join(stand.data, "admin.sock"))

    def call(self, method, path, body=None):
        data = json.dumps(body) if body is not None else None
        self.http.request(method, path, data, {"content-type": "application/json"} if data else {})
        r = self.http.getresponse()
        text = r.read()
        if r.status >= 300:
            raise Failed(f"{method} {path}: {r.status} {text[:300]!r}")
        return json.loads(text) if text else None

    def stream(self, path):
        """The lines of an answer, as they come. To be read to their end."""
        self.http.request("GET", path)
        r = self.http.getresponse()
        if r.status >= 300:
            raise Failed(f"{path}: {r.status} {r.read()[:300]!r}")
        return r


def percentiles(ms):
    ms = sorted(ms)
    at = lambda q: ms[min(len(ms) - 1, int(q * len(ms)))]  # noqa: E731
    return f"{statistics.median(ms):.0f} | {at(0.9):.0f} | {at(0.99):.0f} | {ms[-1]:.0f}"


def rss(pid):
    for line in open(f"/proc/{pid}/status"):
        if line.startswith("VmRSS"):
            return int(line.split()[1]) / 1024
    return 0


# ------------------------------------------------------------------- compare
def compare(stand, a):
    """The harness, with Countersign in front of the harness's own sshd."""
    bench = os.environ["BENCH_DIR"]
    home = stand.home("dave")

    def options(target):
        return {"CertificateFile": os.path.join(home, a.certificate), "ProxyUseFdpass": "yes",
                "ProxyCommand": f"env TSH_HOME={home} {stand.bin}/tsh proxy ssh {target}"}
    pid = stand.path("countersign.pid")
    with open(pid, "w") as f:
        f.write(str(stand.daemon.pid))
    subject = {"countersign": {"ssh": {
        "host": "bench", "port": 22, "user": "bench", "identity": os.path.join(home, a.identity), "options": options("bench"),
        "by_cipher": {"aes256-gcm@openssh.com": {"options": options("bench-aes")}},
        "pid_file": pid, "restart": f"kill -USR1 {os.getpid()}; sleep 3"}}}
    with open(stand.path("subject.json"), "w") as f:
        json.dump(subject, f)

    def again(*_):
        stand.restart_daemon()
        with open(pid, "w") as f:
            f.write(str(stand.daemon.pid))
    signal.signal(signal.SIGUSR1, again)
    argv = [sys.executable, os.path.join(a.harness, "bench.py"), "--suite", a.suite, "--mem-kinds", "ssh",
            "--subjects", "direct,haproxy-tcp,proxyjump,ssh-bastion,countersign", "--add", stand.path("subject.json"),
            "--idle-ssh", "300", "--ciphers", "aes256-gcm", "--out", stand.path("results")] + (["--quick"] if a.quick else [])
    child = subprocess.Popen(argv, stderr=sys.stderr if a.verbose else subprocess.DEVNULL)
    while child.poll() is None:
        time.sleep(0.2)
    if child.returncode:
        raise Failed(f"the harness ended with {child.returncode}; run it with --verbose")


def harness_up(a):
    os.environ.setdefault("BENCH_DIR", os.path.join(tempfile.gettempdir(), "bench"))
    bench = os.environ["BENCH_DIR"]
    stack = [sys.executable, os.path.join(a.harness, "stack.py")]
    wanted = a.only.split(",")
    parts = ["sshd", "sshd-aes", "haproxy-ssh", "sshd-jump", "sshd-force"] if "compare" in wanted else []
    if {"databases", "statements"} & set(wanted):
        parts += ["postgres", "mariadb", "haproxy-pg", "haproxy-mysql", "pgbouncer-tls"]
    subprocess.run(stack + ["up"] + parts, check=True, stdout=subprocess.DEVNULL)
    if "compare" not in wanted:
        return []
    key = os.path.join(bench, "ssh", "countersign")
    if not os.path.exists(key):
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", key], check=True)
        with open(os.path.join(bench, "ssh", "extra_authorized_keys"), "a") as f:
            f.write(open(key + ".pub").read())
        subprocess.run(stack + ["up"] + parts, check=True, stdout=subprocess.DEVNULL)
    host = os.path.join(bench, "ssh", "host.pub")
    more = ["--key", key, "--host-key", host]
    return [("bench", "127.0.0.1:21022", "service=bench", more), ("bench-aes", "127.0.0.1:21027", "service=bench", more)]


# ----------------------------------------------------------------- databases
DATABASES = {"bench-pg": ("postgres", "127.0.0.1:21432"), "bench-my": ("mysql", "127.0.0.1:21306")}


def add_databases(stand):
    if "bench-pg" in stand.tctl("db", "ls").stdout:
        return
    for name, (protocol, uri) in DATABASES.items():
        # The harness's servers show an authority's certificate as their own, which no TLS library of ours takes for a server's.
        stand.tctl("db", "add", name, "--protocol", protocol, "--uri", uri, "--labels", "service=bench", "--tls-mode", "insecure",
                   "--password-stdin", "bench", stdin="bench-pw\n")


def databases(stand, a):
    """The harness again, with Countersign in front of its PostgreSQL and MariaDB: client certificates, TLS on both legs, recording on."""
    home = stand.home("dave")
    at = lambda name: os.path.join(home, name)  # noqa: E731
    add_databases(stand)
    pid = stand.path("countersign.pid")

    def again(*_):
        stand.restart_daemon()
        with open(pid, "w") as f:
            f.write(str(stand.daemon.pid))
    again()
    signal.signal(signal.SIGUSR1, again)
    common = {"pid_file": pid, "restart": f"kill -USR1 {os.getpid()}; sleep 3"}
    subject = {"countersign": {
        "pg": {"host": "127.0.0.1", "port": stand.port, "user": "bench", "dbname": "bench-pg/bench", "sslmode": "verify-full",
               "rootcert": at("ca.pem"), **common},
        "mysql": {"host": "127.0.0.1", "port": stand.mysql, "user": "bench@bench-my", "db": "bench", "ssl": True, **common}}}
    with open(stand.path("databases.json"), "w") as f:
        json.dump(subject, f)
    # libpq takes a client certificate from the environment, sysbench from its working folder. Only towards us: others refuse a
    # certificate that they did not ask for.
    folder = stand.path("clients")
    os.makedirs(folder, exist_ok=True)
    for link, name in (("client-cert.pem", "identity.crt"), ("client-key.pem", "identity.key"), ("cacert.pem", "ca.pem")):
        os.symlink(at(name), os.path.join(folder, link))
    ours = f'[ "$PGPORT" = {stand.port} ] && export PGSSLCERT={at("identity.crt")} PGSSLKEY={at("identity.key")}'
    mine = f'case " $* " in *" --mysql-port={stand.mysql} "*) cd {folder};; esac'
    for program, line in (("psql", ours), ("pgbench", ours), ("sysbench", mine)):
        wrapper = os.path.join(folder, program)
        with open(os.open(wrapper, os.O_CREAT | os.O_WRONLY, 0o700), "w") as f:
            f.write(f'#!/bin/sh\n{line}\nexec {shutil.which(program)} "$@"\n')
    env = dict(os.environ, PATH=folder + os.pathsep + os.environ["PATH"])
    argv = [sys.executable, os.path.join(a.harness, "bench.py"), "--suite", a.db_suite, "--mem-kinds", "pg",
            "--subjects", "direct,direct-tls,haproxy-tcp,pgbouncer-tls,countersign", "--add", stand.path("databases.json"),
            "--out", stand.path("results-databases")] + (["--quick"] if a.quick else [])
    child = subprocess.Popen(argv, env=env, stderr=sys.stderr if a.verbose else subprocess.DEVNULL)
    while child.poll() is None:
        time.sleep(0.2)
    if child.returncode:
        raise Failed(f"the harness ended with {child.returncode}; run it with --verbose")


# ---------------------------------------------------------------- statements
def recorded(admin, session):
    """How many of pgbench's own SELECTs a recording has with their end, and how many without."""
    r = admin.stream(f"/v1/recordings/{session}/cast")
    whole, begun, texts = 0, {}, {}
    for line in r:
        event = json.loads(line)
        if not isinstance(event, list) or event[1] != "q":
            continue
        q = json.loads(event[2])
        if "p" in q and "sql" in q:
            texts[q["p"]] = q["sql"]
        sql = q.get("sql") or texts.get(q.get("p")) or begun.pop(q["n"], "")
        if "abalance" not in sql:
            continue
        if "sent" in q:
            begun[q["n"]] = sql
        elif "ms" in q and "lost" not in q:
            whole += 1
    return whole, len(begun)


def statements(stand, a):
    """Whether a statement is lost when many are recorded: pgbench's own count against what stands in the sealed recordings."""
    add_databases(stand)
    home, admin = stand.home("dave"), Admin(stand)
    at = lambda name: os.path.join(home, name)  # noqa: E731
    env = dict(os.environ, PGHOST="127.0.0.1", PGPORT=str(stand.port), PGUSER="bench", PGDATABASE="bench-pg/bench", PGSSLMODE="verify-full",
               PGSSLROOTCERT=at("ca.pem"), PGSSLCERT=at("identity.crt"), PGSSLKEY=at("identity.key"), PGGSSENCMODE="disable")
    listed = lambda: {v["session"]: v for v in admin.call("GET", "/v1/recordings?target=bench-pg&limit=1000")["items"]}  # noqa: E731
    rows = []
    for protocol in ("simple", "prepared"):
        before = set(listed())
        r = subprocess.run(["pgbench", "-n", "-S", "-M", protocol, "-c", "16", "-j", "1", "-T", str(a.secs)], env=env, capture_output=True, text=True)
        if r.returncode:
            raise Failed(f"pgbench: {r.stderr}")
        done = int(re.search(r"actually processed: (\d+)", r.stdout)[1])
        rate = float(re.search(r"^tps = ([\d.]+)", r.stdout, re.M)[1])
        end = time.monotonic() + 30
        while True:
            new = [v for k, v in listed().items() if k not in before]
            if all(v["state"] == "sealed" for v in new):
                break
            if time.monotonic() > end:
                raise Failed(f"recordings are not sealed: {new}")
            time.sleep(0.2)
        counts = [recorded(admin, v["session"]) for v in new]
        whole, torn = (sum(c[i] for c in counts) for i in (0, 1))
        rows.append(f"| {protocol} | {rate:,.0f} | {done:,} | {whole:,} | {done - whole:,} | {torn:,} | {sum(v['bytes'] for v in new) / done:.1f} |")
    print(f"\n#### statements on record, pgbench -S, 16 clients, {a.secs} s; its own count, and what stands in the sealed recordings\n\n"
          "| | statements/s | pgbench's count | on record with their ends | missing | without an end | bytes on disk a statement |\n"
          "|---|---:|---:|---:|---:|---:|---:|\n" + "\n".join(rows), flush=True)


# ------------------------------------------------------------------- latency
class Terminal:
    """A command on a terminal of its own."""

    def __init__(self, argv, env):
        self.seen = ""
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            os.execvpe(argv[0], argv, env)

    def until(self, pattern, secs=20):
        end = time.monotonic() + secs
        while not re.search(pattern, self.seen):
            left = end - time.monotonic()
            if left <= 0 or not select.select([self.fd], [], [], left)[0]:
                raise Failed(f"`{pattern}` did not come; there was:\n{self.seen}")
            try:
                chunk = os.read(self.fd, 65536)
            except OSError:
                chunk = b""
            if not chunk:
                raise Failed(f"it ended before `{pattern}`:\n{self.seen}")
            self.seen += chunk.decode(errors="replace")
        return time.monotonic()

    def end(self):
        while True:
            try:
                if not os.read(self.fd, 65536):
                    break
            except OSError:
                break
        at = time.monotonic()
        os.close(self.fd)
        os.waitpid(self.pid, 0)
        return at


def latency(stand, a):
    """Approval to the held ssh going on; revocation to its death; both ends measured from outside."""
    admin = Admin(stand)
    config = os.path.join(stand.home("alice"), "config.block")
    approved, revoked = [], []
    for n in range(a.runs):
        ssh = Terminal(["ssh", "-tt", "-F", config, f"{stand.login}@db-box", "echo I''N; sleep 60"], stand.env("alice", TERM="xterm"))
        ssh.until(r"Reason[^\n]*: ?$")
        os.write(ssh.fd, b"measured\n")
        ssh.until(r"Request (\S+) is filed")
        request = re.search(r"Request (\S+) is filed", ssh.seen)[1]
        began = time.monotonic()
        admin.call("POST", f"/v1/requests/{request}/state", {"decision": "approve", "reason": "measured"})
        approved.append(1000 * (ssh.until("IN") - began))
        began = time.monotonic()
        admin.call("POST", f"/v1/requests/{request}/revoke", {"reason": "measured"})
        revoked.append(1000 * (ssh.end() - began))
        if a.verbose:
            print(n, approved[-1], revoked[-1], file=sys.stderr)
    print(f"\n#### from a decision to its effect, {a.runs} runs (ms, measured at the client)\n\n"
          "| | median | p90 | p99 | max |\n|---|---:|---:|---:|---:|\n"
          f"| approval to the waiting `ssh` going on | {percentiles(approved)} |\n"
          f"| revocation to the dead session | {percentiles(revoked)} |", flush=True)


# -------------------------------------------------------------------- cycles
def fdatasync_rate(folder, secs=2):
    """Flushes a second of a 4 KiB write to the same disk."""
    name = os.path.join(folder, "flush")
    fd = os.open(name, os.O_CREAT | os.O_WRONLY, 0o600)
    n, end = 0, time.monotonic() + secs
    while time.monotonic() < end:
        os.pwrite(fd, b"x" * 4096, 0)
        os.fdatasync(fd)
        n += 1
    os.close(fd)
    os.unlink(name)
    return n / secs


def cycles(stand, a):
    tool = os.path.join(stand.bin, "examples", "cycles")
    before = fdatasync_rate(stand.data)
    r = subprocess.run([tool, stand.home("alice"), stand.home("bob"), "8", "10"], capture_output=True, text=True, timeout=120)
    if r.returncode:
        raise Failed(f"cycles: {r.stderr}")
    got = json.loads(r.stdout)
    print(f"\n#### requests filed and approved, 8 clients, every step durable\n\n"
          f"| cycles/s | slowest, ms | the disk's own fdatasync/s |\n|---:|---:|---:|\n"
          f"| {got['per_second']:.0f} | {got['slowest_ms']:.0f} | {before:.0f} |", flush=True)


# ---------------------------------------------------------------------- idle
def idle(stand, a):
    """What is left after logins; what sessions cost that do nothing, in a fresh daemon."""
    used = rss(stand.daemon.pid)
    stand.restart_daemon()
    argv = ["ssh", "-T", "-F", os.path.join(stand.home("dave"), "config.block"), f"{stand.login}@db-box"]
    fresh = rss(stand.daemon.pid)
    subprocess.run(argv + ["true"], check=True, env=stand.env("dave"), stdin=subprocess.DEVNULL)
    first, ps = rss(stand.daemon.pid), []
    try:
        while len(ps) < a.idle:
            more = [subprocess.Popen(argv + ["echo R; exec cat"], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                     stderr=subprocess.DEVNULL, env=stand.env("dave")) for _ in range(10)]
            ps += more
            if any(p.stdout.readline() != b"R\n" for p in more):
                raise Failed(f"only {len(ps)} sessions opened")
        time.sleep(2)
        full = rss(stand.daemon.pid)
    finally:
        for p in ps:
            p.kill()
        for p in ps:
            p.communicate()
    print(f"\n#### {a.idle} idle sessions, recording on\n\n| daemon that took the stand's logins, MiB RSS | idle daemon | after one session | with all | KiB a session |\n|---:|---:|---:|---:|---:|\n"
          f"| {used:.1f} | {fresh:.1f} | {first:.1f} | {full:.1f} | {(full - first) * 1024 / a.idle:.0f} |", flush=True)


# ---------------------------------------------------------------------- bulk
def cpu(pid):
    """CPU seconds of a process so far, by its threads: user, system."""
    fields = open(f"/proc/{pid}/stat").read().rsplit(")", 1)[1].split()
    return int(fields[11]) / os.sysconf("SC_CLK_TCK"), int(fields[12]) / os.sysconf("SC_CLK_TCK")


def bulk(stand, a):
    """The daemon's CPU per GiB: holds on a busy machine, where rates do not."""
    argv = ["ssh", "-c", "aes256-gcm@openssh.com", "-F", os.path.join(stand.home("dave"), "config.block"), f"{stand.login}@db-box"]
    zeros = ["head", "-c", str(a.mib << 20), "/dev/zero"]

    def down():
        subprocess.run(argv + [" ".join(zeros)], check=True, env=stand.env("dave"), stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)

    def up():
        source = subprocess.Popen(zeros, stdout=subprocess.PIPE)
        subprocess.run(argv + ["cat > /dev/null"], check=True, env=stand.env("dave"), stdin=source.stdout)
        source.wait()
    rows = []
    for name, move in (("download", down), ("upload", up)):
        costs = []
        for _ in range(a.rounds + 1):
            before, began = cpu(stand.daemon.pid), time.monotonic()
            move()
            took, after = time.monotonic() - began, cpu(stand.daemon.pid)
            costs.append([(after[i] - before[i]) * 1024 / a.mib for i in (0, 1)] + [a.mib * 1.048576 / took])
        user, system, rate = (statistics.median(c[i] for c in costs[1:]) for i in range(3))
        rows.append(f"| {name} | {user + system:.2f} | {user:.2f} | {system:.2f} | {rate:.0f} |")
    print(f"\n#### bulk over SSH, aes256-gcm, {a.mib} MiB, recording on, median of {a.rounds} rounds\n\n"
          "| | CPU of the daemon, s/GiB | user | system | MB/s |\n|---|---:|---:|---:|---:|\n" + "\n".join(rows), flush=True)


# --------------------------------------------------------------------- stall
def stall(stand, a):
    """A reader that stops: how much the daemon grows in 10 s."""
    config = os.path.join(stand.home("dave"), "config.block")
    argv = ["ssh", "-F", config, f"{stand.login}@db-box"]
    # What any transfer costs once (compression, buffers that stay) is not the stalled reader's.
    subprocess.run(argv + ["head -c 64M /dev/zero"], check=True, env=stand.env("dave"), stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
    before = rss(stand.daemon.pid)
    p = subprocess.Popen(argv + ["head -c 2G /dev/zero"], stdout=subprocess.PIPE, stdin=subprocess.DEVNULL, env=stand.env("dave"))
    most, end = before, time.monotonic() + 10
    while time.monotonic() < end:
        most = max(most, rss(stand.daemon.pid))
        time.sleep(0.1)
    p.kill()
    p.wait()
    print(f"\n#### a stalled reader, 10 s\n\n| RSS before, MiB | most, MiB | growth |\n|---:|---:|---:|\n"
          f"| {before:.1f} | {most:.1f} | {most - before:.1f} |", flush=True)


def main():
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument("--bin", required=True, help="folder of the programs, with examples/cycles in it")
    ap.add_argument("--harness", help="folder of the comparison harness")
    ap.add_argument("--only", default="compare,databases,statements,idle,bulk,latency,cycles,stall", help="parts, comma-separated")
    ap.add_argument("--runs", type=int, default=RUNS)
    ap.add_argument("--secs", type=int, default=10, help="of each run of statements")
    ap.add_argument("--idle", type=int, default=1000, help="idle sessions of the memory measure")
    ap.add_argument("--mib", type=int, default=1024, help="of one bulk transfer")
    ap.add_argument("--rounds", type=int, default=3, help="of the bulk transfers, after one to warm up")
    ap.add_argument("--suite", default="mem,ssh", help="of the comparison harness")
    ap.add_argument("--db-suite", default="mem,pg,mysql", help="the same, of databases")
    ap.add_argument("--quick", action="store_true")
    ap.add_argument("--verbose", action="store_true")
    ap.add_argument("--identity", default="id_ed25519")
    ap.add_argument("--certificate", default="id_ed25519-cert.pub")
    a = ap.parse_args()
    parts = a.only.split(",")
    nodes, harness = [], {"compare", "databases", "statements"} & set(parts)
    if harness:
        if not a.harness or not os.path.exists(os.path.join(a.harness, "bench.py")):
            sys.exit(f"bench: there is no comparison harness in {a.harness}: give BENCH=FOLDER, or BENCH_ARGS='--only latency,cycles,stall'")
        nodes = harness_up(a)
    stand = Stand(a.bin, nodes=nodes)
    try:
        stand.up()
        for part in parts:
            {"compare": compare, "databases": databases, "statements": statements, "idle": idle, "bulk": bulk, "latency": latency, "cycles": cycles, "stall": stall}[part](stand, a)
    except (Failed, subprocess.CalledProcessError) as e:
        sys.exit(f"bench: {e}")
    except KeyboardInterrupt:
        print()
    finally:
        stand.stop()
        if harness:
            subprocess.run([sys.executable, os.path.join(a.harness, "stack.py"), "down"], stdout=subprocess.DEVNULL)


if __name__ == "__main__":
    main()
