#!/usr/bin/env python3
"""A throw-away Countersign with real sshd, PostgreSQL and MariaDB and five users, for demos, benches and outside clients.

    scripts/stand.py --bin target/release            in the foreground, until Ctrl-C
    scripts/stand.py --bin target/release --dir D    keep everything in D

Writes stand.json and prints its path. Its shape is versioned and documented in docs/stand.md.
Everything listens on loopback, on ports the kernel chose, and is stopped and removed at the end
(a folder named by --dir is kept). Python's standard library only.
"""
import argparse, base64, glob, hashlib, hmac, json, os, pty, re, select, shutil, signal, socket, struct, subprocess, sys, tempfile, time
import getpass, pwd
import urllib.request

HOST = "127.0.0.1"
PASSWORD = "correct horse battery staple"
STAND_VERSION = 1

# Who is who: the roles each user holds all the time.
USERS = {
    "alice": ["engineer"],          # no standing access; may request dba
    "bob": ["reviewer"],
    "carol": ["reviewer"],
    "dave": ["everything"],         # standing access to every target
    "admin": ["administrator", "reviewer"],
}

ROLES = """\
kind: role
version: v7
metadata:
  name: dba
  description: root on the database hosts, app in the databases
spec:
  options:
    max_session_ttl: 8h
    forward_agent: true
    port_forwarding: true
  allow:
    logins: [{login}]
    node_labels:
      service: [database]
    db_labels:
      service: [database]
    db_users: [app]
    db_names: ['*']
    kubernetes_labels:
      service: [database]
    kubernetes_groups: [dba]
    app_labels:
      service: [handbook]
---
kind: role
version: v7
metadata:
  name: engineer
  description: may ask for dba
spec:
  allow:
    request:
      roles: [dba]
      max_duration: 4h
---
kind: role
version: v7
metadata:
  name: reviewer
  description: answers requests for dba
spec:
  allow:
    review_requests:
      roles: [dba]
---
kind: role
version: v7
metadata:
  name: everything
  description: standing access to every target, for benches and outside clients
spec:
  options:
    forward_agent: true
    port_forwarding: true
  allow:
    logins: [{login}, bench]       # `bench`: the account of the comparison harness
    node_labels:
      '*': ['*']
    db_labels:
      '*': ['*']
    db_users: [app, bench]         # `bench`: the same
    db_names: ['*']
    kubernetes_labels:
      '*': ['*']
    kubernetes_groups: [operators]
    app_labels:
      '*': ['*']
---
kind: role
version: v7
metadata:
  name: administrator
spec:
  allow:
    rules:
    - resources: ['*']
      verbs: ['*']
"""


class Failed(Exception):
    """Something the stand needs did not happen; the text says what."""


def free_port():
    with socket.socket() as s:
        s.bind((HOST, 0))
        return s.getsockname()[1]


def totp(secret, at=None):
    """RFC 6238 with SHA-1, 30 s, 6 digits."""
    key = base64.b32decode(secret.replace(" ", "").upper() + "=" * (-len(secret.replace(" ", "")) % 8))
    digest = hmac.new(key, struct.pack(">Q", int((at or time.time()) // 30)), hashlib.sha1).digest()
    o = digest[-1] & 15
    return f"{(struct.unpack('>I', digest[o:o + 4])[0] & 0x7fffffff) % 10**6:06d}"


class Stand:
    def __init__(self, bin, dir=None, nodes=()):
        self.bin = os.path.abspath(bin)
        self.keep = dir is not None
        self.dir = os.path.abspath(dir) if dir else tempfile.mkdtemp(prefix="countersign-stand-")
        os.makedirs(self.dir, mode=0o700, exist_ok=True)
        self.data = os.path.join(self.dir, "data")
        self.login = getpass.getuser()
        self.running = []
        self.secrets = {}
        self.databases = []             # folders of database servers, which others than us own
        self.nodes = list(nodes)        # (name, addr, labels, extra flags) besides db-box and web-1

    # ------------------------------------------------------------ processes
    def path(self, *parts):
        return os.path.join(self.dir, *parts)

    def spawn(self, name, argv, **kw):
        log = open(self.path(name + ".log"), "ab")
        p = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True, **kw)
        self.running.append((name, p))
        return p

    def wait(self, what, ready, p, name, secs=20):
        end = time.monotonic() + secs
        while not ready():
            if p.poll() is not None or time.monotonic() > end:
                tail = open(self.path(name + ".log"), errors="replace").read()[-2000:]
                raise Failed(f"{what} did not start:\n{tail}")
            time.sleep(0.02)

    def stop(self):
        for _, p in reversed(self.running):
            if p.poll() is None:
                p.send_signal(signal.SIGTERM)
        for name, p in reversed(self.running):
            try:
                p.wait(10)
            except subprocess.TimeoutExpired:
                print(f"stand: {name} did not stop by itself", file=sys.stderr)
                p.kill()
                p.wait()
        self.running = []
        for folder in self.databases:
            shutil.rmtree(folder, ignore_errors=True)
        if not self.keep:
            shutil.rmtree(self.dir, ignore_errors=True)

    # ------------------------------------------------------------- commands
    def env(self, user=None, **more):
        e = dict(os.environ, COUNTERSIGN_DATA_DIR=self.data, PATH=self.bin + os.pathsep + os.environ["PATH"])
        e.update(more)
        for name in ("SSH_AUTH_SOCK", "TSH_HOME"):
            e.pop(name, None)
        if user:
            e["TSH_HOME"] = self.home(user)
            e["KUBECONFIG"] = os.path.join(self.home(user), "kubeconfig")
        return e

    def home(self, user):
        return self.path("home", user)

    def run(self, *argv, user=None, stdin=None, check=True, **env):
        r = subprocess.run(argv, env=self.env(user, **env), input=stdin, text=True, capture_output=True, timeout=60)
        if check and r.returncode:
            raise Failed(f"{' '.join(argv)}: status {r.returncode}\n{r.stdout}{r.stderr}")
        return r

    def tctl(self, *argv, **kw):
        return self.run("tctl", *argv, **kw)

    def tsh(self, user, *argv, **kw):
        return self.run("tsh", *argv, user=user, **kw)

    # ---------------------------------------------------------------- parts
    def start_daemon(self):
        self.port, self.diag, self.mysql = free_port(), free_port(), free_port()
        self.addr = f"{HOST}:{self.port}"
        self.run_daemon()

    def run_daemon(self):
        p = self.spawn("countersign", [os.path.join(self.bin, "countersign"), "start", "--data-dir", self.data, "--listen", self.addr,
                                       "--diag-listen", f"{HOST}:{self.diag}", "--mysql-listen", f"{HOST}:{self.mysql}"])
        self.daemon = p

        def ready():
            try:
                return urllib.request.urlopen(f"http://{HOST}:{self.diag}/readyz", timeout=1).status == 200
            except OSError:
                return False
        self.wait("countersign", ready, p, "countersign")

    def restart_daemon(self):
        name, p = next(x for x in self.running if x[0] == "countersign")
        p.terminate()
        p.wait(20)
        self.running.remove((name, p))
        self.run_daemon()

    def start_sshd(self, name, labels, extra=""):
        """A real OpenSSH server that trusts our user CA and shows a host certificate of our host CA."""
        home = self.path("sshd-" + name)
        os.makedirs(home, mode=0o700)
        key = os.path.join(home, "host")
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", key], check=True)
        port = free_port()
        r = self.tctl("nodes", "add", name, "--addr", f"{HOST}:{port}", "--labels", labels, "--sign-host-key", key + ".pub")
        with open(os.path.join(home, "user_ca.pub"), "w") as f:
            f.write(self.tctl("auth", "export", "--type", "ssh-user").stdout)
        conf = os.path.join(home, "sshd_config")
        with open(conf, "w") as f:
            f.write(f"""\
ListenAddress {HOST}:{port}
HostKey {key}
HostCertificate {key}-cert.pub
TrustedUserCAKeys {home}/user_ca.pub
AuthorizedKeysFile none
PidFile none
UsePAM no
StrictModes no
PasswordAuthentication no
KbdInteractiveAuthentication no
PermitRootLogin yes
AcceptEnv LANG LC_* CS_*
PermitUserEnvironment no
MaxStartups 1000:30:2000
MaxSessions 1000
UseDNS no
PrintMotd no
PrintLastLog no
LogLevel VERBOSE
Subsystem sftp internal-sftp
{extra}""")
        os.makedirs("/run/sshd", exist_ok=True) if os.getuid() == 0 else None
        sshd = shutil.which("sshd") or "/usr/sbin/sshd"
        p = self.spawn("sshd-" + name, [sshd, "-D", "-e", "-f", conf])

        def ready():
            try:
                socket.create_connection((HOST, port), 1).close()
                return True
            except OSError:
                return False
        self.wait("sshd", ready, p, "sshd-" + name)
        return port, r.stdout

    # ------------------------------------------------------------ databases
    def folder(self, account):
        """A throw-away folder that `account` owns, and what runs a command as it: no database server runs as root."""
        folder = tempfile.mkdtemp(prefix="countersign-db-")
        self.databases.append(folder)
        os.chmod(folder, 0o755)
        if os.getuid():
            return folder, []
        entry = pwd.getpwnam(account)
        os.chown(folder, entry.pw_uid, entry.pw_gid)
        return folder, ["setpriv", f"--reuid={account}", f"--regid={entry.pw_gid}", "--clear-groups"]

    def certify(self, folder):
        """An authority, and a certificate of it for 127.0.0.1; readable by the folder's owner."""
        at = lambda name: os.path.join(folder, name)  # noqa: E731
        ec = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
        quiet = dict(check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        subprocess.run(["openssl", "req", "-x509", *ec, "-keyout", at("ca.key"), "-out", at("ca.pem"), "-days", "7",
                        "-subj", "/CN=database servers"], **quiet)
        subprocess.run(["openssl", "req", *ec, "-keyout", at("server.key"), "-out", at("server.csr"), "-subj", "/CN=127.0.0.1"], **quiet)
        with open(at("server.ext"), "w") as f:
            f.write("subjectAltName=IP:127.0.0.1,DNS:localhost\nextendedKeyUsage=serverAuth\n")
        subprocess.run(["openssl", "x509", "-req", "-in", at("server.csr"), "-CA", at("ca.pem"), "-CAkey", at("ca.key"), "-CAcreateserial",
                        "-days", "7", "-extfile", at("server.ext"), "-out", at("server.crt")], **quiet)
        with open(at("clients.pem"), "w") as f:
            f.write(self.tctl("auth", "export", "--type", "database").stdout)
        owner = os.stat(folder)
        for name in (entry.name for entry in os.scandir(folder) if entry.is_file()):
            os.chmod(at(name), 0o600 if name.endswith(".key") else 0o644)
            os.chown(at(name), owner.st_uid, owner.st_gid)
        return at("ca.pem")

    def accepts(self, port):
        def ready():
            try:
                socket.create_connection((HOST, port), 1).close()
                return True
            except OSError:
                return False
        return ready

    def listens(self, path):
        try:
            with socket.socket(socket.AF_UNIX) as s:
                s.connect(path)
            return True
        except OSError:
            return False

    def add_database(self, name, protocol, port, ca):
        self.tctl("db", "add", name, "--protocol", protocol, "--uri", f"{HOST}:{port}", "--labels", "env=prod,service=database", "--ca", ca)

    def start_postgres(self):
        """PostgreSQL: `app` logs in by a certificate of ours, `direct` by password, with and without TLS."""
        folder, prefix = self.folder("postgres")
        bins = sorted(glob.glob("/usr/lib/postgresql/*/bin"))
        bin = bins[-1] if bins else os.path.dirname(shutil.which("postgres") or "")
        data = os.path.join(folder, "data")
        subprocess.run(prefix + [os.path.join(bin, "initdb"), "-D", data, "-U", "postgres", "--auth=trust", "--no-sync", "-E", "UTF8", "--locale=C"],
                       check=True, stdout=subprocess.DEVNULL, cwd="/")
        ca, port = self.certify(folder), free_port()
        with open(os.path.join(data, "pg_hba.conf"), "w") as f:
            f.write("local all postgres trust\nhost all direct 127.0.0.1/32 scram-sha-256\nhostssl all all 127.0.0.1/32 cert\n")
        with open(os.path.join(data, "postgresql.conf"), "a") as f:
            f.write(f"""\
listen_addresses = '{HOST}'
port = {port}
unix_socket_directories = '{folder}'
max_connections = 600
fsync = off
ssl = on
ssl_cert_file = '{folder}/server.crt'
ssl_key_file = '{folder}/server.key'
ssl_ca_file = '{folder}/clients.pem'
""")
        p = self.spawn("postgres", prefix + [os.path.join(bin, "postgres"), "-D", data], cwd="/")
        self.wait("PostgreSQL", self.accepts(port), p, "postgres")
        sql = f"CREATE ROLE app LOGIN; CREATE ROLE direct LOGIN IN ROLE app PASSWORD '{PASSWORD}'; CREATE DATABASE orders OWNER app;"
        for line in sql.split("; "):
            self.run("psql", "-h", folder, "-p", str(port), "-U", "postgres", "-XqAtc", line.rstrip(";"))
        self.add_database("orders", "postgres", port, ca)
        direct = {"host": HOST, "port": port, "user": "direct", "password": PASSWORD, "dbname": "orders"}
        return {"direct": dict(direct, sslmode="disable"), "direct_tls": dict(direct, sslmode="verify-full", sslrootcert=ca)}

    def start_mariadb(self):
        """MariaDB: the same accounts."""
        folder, prefix = self.folder("mysql")
        data, conf, port = os.path.join(folder, "data"), os.path.join(folder, "my.cnf"), free_port()
        ca = self.certify(folder)
        with open(conf, "w") as f:
            f.write(f"""\
[mysqld]
datadir={data}
socket={folder}/socket
pid-file={folder}/pid
port={port}
bind-address={HOST}
skip-name-resolve
skip-log-bin
max_connections=600
innodb_log_file_size=16M
innodb_flush_log_at_trx_commit=0
ssl-cert={folder}/server.crt
ssl-key={folder}/server.key
ssl-ca={folder}/clients.pem
""")
        os.chmod(conf, 0o644)
        user = [] if os.getuid() else ["--user=mysql"]
        subprocess.run(["mariadb-install-db", f"--defaults-file={conf}", f"--datadir={data}", "--auth-root-authentication-method=normal",
                        "--skip-test-db", *user], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        mariadbd = shutil.which("mariadbd") or "/usr/sbin/mariadbd"
        p = self.spawn("mariadb", prefix + [mariadbd, f"--defaults-file={conf}", "--console"], cwd="/")
        # Its port may take connections before its socket does.
        self.wait("MariaDB", lambda: self.accepts(port)() and self.listens(os.path.join(folder, "socket")), p, "mariadb")
        sql = (f"CREATE DATABASE wiki; CREATE USER app@'%' REQUIRE SUBJECT '/CN=app'; GRANT ALL ON wiki.* TO app@'%'; "
               f"CREATE USER direct@'%' IDENTIFIED BY '{PASSWORD}'; GRANT ALL ON wiki.* TO direct@'%'")
        self.run("mariadb", "--no-defaults", "-u", "root", f"--socket={folder}/socket", "-e", sql)
        self.add_database("wiki", "mysql", port, ca)
        direct = {"host": HOST, "port": port, "user": "direct", "password": PASSWORD, "database": "wiki"}
        return {"direct": dict(direct, ssl=False), "direct_tls": dict(direct, ssl=True, ssl_ca=ca)}

    def start_kube(self):
        """A small API server of our own (scripts/kube_api.py), and the cluster `prod` in front of it."""
        folder = self.path("kube")
        os.makedirs(folder, mode=0o700, exist_ok=True)
        cert, key, port, token = os.path.join(folder, "tls.crt"), os.path.join(folder, "tls.key"), free_port(), os.urandom(16).hex()
        self.run("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2", "-subj", "/CN=kube",
                 "-addext", f"subjectAltName=IP:{HOST}", "-keyout", key, "-out", cert)
        api = os.path.join(os.path.dirname(os.path.abspath(__file__)), "kube_api.py")
        p = self.spawn("kube", [sys.executable, api, "--port", str(port), "--cert", cert, "--key", key, "--token", token, "--pods", "5000"])
        self.wait("the Kubernetes API", self.accepts(port), p, "kube")
        self.tctl("kube", "add", "prod", "--server", f"https://{HOST}:{port}", "--ca", cert, "--labels", "env=prod,service=database",
                  "--token-stdin", stdin=token + "\n")
        return {"server": f"https://{HOST}:{port}", "certificate_authority": cert, "token": token, "impersonate": "dave"}

    def reach_kube(self, direct):
        """How dave reaches the cluster with kubectl."""
        config = os.path.join(self.home("dave"), "kubeconfig")
        self.tsh("dave", "kube", "login", "prod", "--exec-api", "v1beta1")
        return {"user": "dave", "target": "prod", "kubeconfig": config, "direct": direct}

    def reach(self, name, direct, protocol):
        """How dave reaches a database: by certificate, and through a local port that stays open."""
        flags = ["--db-user", "app", "--db-name", name]
        self.tsh("dave", "db", "login", name, *flags)
        told = json.loads(self.tsh("dave", "db", "config", name, "--format", "json").stdout)
        port, files = free_port(), told["tls"]
        p = self.spawn(f"tunnel-{name}", [os.path.join(self.bin, "tsh"), "proxy", "db", name, "--port", str(port), *flags], env=self.env("dave"))
        self.wait("tsh proxy db", self.accepts(port), p, f"tunnel-{name}")
        through = {"host": told["host"], "port": told["port"], "user": told["user"]}
        if protocol == "postgres":
            through.update(dbname=told["database"], sslmode="verify-full", sslcert=files["certificate"], sslkey=files["key"],
                           sslrootcert=files["authorities"])
            tunnel = {"host": HOST, "port": port, "user": "app", "dbname": name, "sslmode": "disable"}
        else:
            through.update(database=told["database"], ssl=True, ssl_ca=files["authorities"], ssl_cert=files["certificate"],
                           ssl_key=files["key"])
            tunnel = {"host": HOST, "port": port, "user": "app", "database": name, "ssl": False}
        return {"user": "dave", "target": name, "through": through, "tunnel": dict(tunnel, pid=p.pid), **direct}

    def start_nginx(self):
        """nginx with a page, in the clear: the application `handbook`."""
        folder, port = self.path("nginx"), free_port()
        os.makedirs(folder, exist_ok=True)
        os.chmod(folder, 0o755)
        with open(os.path.join(folder, "index.html"), "w") as f:
            f.write("<!doctype html><title>Handbook</title><h1>The handbook</h1>\n")
        with open(os.path.join(folder, "1k"), "w") as f:
            f.write("x" * 1024)
        temporary = "".join(f"{kind}_temp_path {folder}/{kind};" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
        user = "user root; " if os.getuid() == 0 else ""
        with open(os.path.join(folder, "nginx.conf"), "w") as f:
            f.write(f"daemon off; {user}pid {folder}/pid; worker_processes 1; events {{ worker_connections 4096; }}\n"
                    f"http {{ access_log off; keepalive_requests 1000000; {temporary}\n"
                    f"server {{ listen {HOST}:{port}; root {folder}; }} }}\n")
        nginx = shutil.which("nginx", path=os.environ["PATH"] + ":/usr/sbin")
        p = self.spawn("nginx", [nginx, "-e", os.path.join(folder, "error.log"), "-p", folder, "-c", os.path.join(folder, "nginx.conf")])
        self.wait("nginx", self.accepts(port), p, "nginx")
        self.tctl("create", "-f", "-", stdin=f"""\
kind: app
version: v1
metadata: {{name: handbook, labels: {{env: prod, service: handbook}}}}
spec: {{uri: 'http://{HOST}:{port}', public_addr: handbook.localhost}}
""")
        return {"url": f"http://{HOST}:{port}/"}

    def reach_app(self, name, direct):
        """How dave reaches an application: by certificate, and through a local port that stays open."""
        told = json.loads(self.tsh("dave", "apps", "login", name, "--format", "json").stdout)
        port = free_port()
        p = self.spawn(f"tunnel-{name}", [os.path.join(self.bin, "tsh"), "proxy", "app", name, "--port", str(port)], env=self.env("dave"))
        self.wait("tsh proxy app", self.accepts(port), p, f"tunnel-{name}")
        through = {"url": told["url"] + "/", "connect": self.addr, "cert": told["certificate"], "key": told["key"], "cacert": told["authorities"]}
        return {"user": "dave", "target": name, "through": through, "tunnel": {"url": f"http://{HOST}:{port}/", "pid": p.pid}, "direct": direct}

    def add_user(self, name, roles):
        """An invite, accepted in a terminal as a person would: password, TOTP secret, code."""
        r = self.tctl("users", "add", name, "--roles", ",".join(roles), "--logins", self.login)
        link = re.search(r"https://\S+/invite/\S+", r.stdout)
        if not link:
            raise Failed(f"tctl users add printed no link:\n{r.stdout}")
        os.makedirs(self.home(name), mode=0o700)
        self.accept(name, link[0])
        return r.stdout

    def accept(self, name, link):
        out = self.terminal(["tsh", "login", "--invite", link, "--pin", self.pin()], name, [
            (r"(?i)(new )?password[^\n]*: ?$", lambda seen: PASSWORD),
            (r"(?i)(again|repeat|confirm)[^\n]*: ?$", lambda seen: PASSWORD),
            (r"(?i)code[^\n]*: ?$", lambda seen: self.code(name, seen)),
        ])
        return out

    def code(self, name, seen):
        secret = re.search(r"\b([A-Z2-7]{4}(?: ?[A-Z2-7]{4}){3,12})\b", seen)
        if secret:
            self.secrets[name] = secret[1].replace(" ", "")
        return totp(self.secrets[name])

    def pin(self):
        return self.tctl("status", "--format", "json", check=True) and json.loads(self.tctl("status", "--format", "json").stdout)["pin"]

    def terminal(self, argv, user, answers, secs=40, want=0, env=None):
        """Runs argv on a terminal of its own and answers its prompts; returns all it showed."""
        pid, fd = pty.fork()
        if pid == 0:
            os.execvpe(argv[0], argv, dict(env or self.env(user), TERM="xterm"))
        seen, since, end = "", 0, time.monotonic() + secs
        try:
            while time.monotonic() < end:
                if not select.select([fd], [], [], 0.2)[0]:
                    continue
                try:
                    chunk = os.read(fd, 65536)
                except OSError:
                    break
                if not chunk:
                    break
                seen += chunk.decode(errors="replace")
                plain = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", seen)
                fresh = plain[since:]
                for pattern, answer in answers:
                    if re.search(pattern, fresh):
                        since = len(plain)
                        os.write(fd, (answer(plain) + "\n").encode())
                        break
            else:
                os.kill(pid, signal.SIGKILL)
        finally:
            os.close(fd)
            status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
        if want is not None and status != want:
            raise Failed(f"{' '.join(argv)}: status {status}\n{seen}")
        return seen

    def up(self):
        self.start_daemon()
        self.tctl("create", "-f", "-", stdin=ROLES.replace("{login}", self.login))
        self.db_port, self.added = self.start_sshd("db-box", "env=prod,service=database")
        self.web_port, _ = self.start_sshd("web-1", "env=prod,service=web")
        for name, addr, labels, more in self.nodes:
            self.tctl("nodes", "add", name, "--addr", addr, "--labels", labels, *more)
        direct = self.start_postgres(), self.start_mariadb()
        cluster = self.start_kube()
        handbook = self.start_nginx()
        self.invited = {name: self.add_user(name, roles) for name, roles in USERS.items()}
        for name in USERS:
            with open(self.path("home", name, "config.block"), "w") as f:
                f.write(self.tsh(name, "config").stdout)
        self.pg, self.my = self.reach("orders", direct[0], "postgres"), self.reach("wiki", direct[1], "mysql")
        self.app = self.reach_app("handbook", handbook)
        self.kube = self.reach_kube(cluster)

    def describe(self):
        """stand.json, version 1: see docs/stand.md."""
        return {
            "version": STAND_VERSION,
            "daemon": {"pid": self.daemon.pid, "addr": self.addr, "diag": f"{HOST}:{self.diag}", "data_dir": self.data},
            "bin": self.bin,
            "users": {n: {"tsh_home": self.home(n), "roles": r, "password": PASSWORD, "totp_secret": self.secrets.get(n)}
                      for n, r in USERS.items()},
            "ssh": {
                "user": "dave",
                "config": self.path("home", "dave", "config.block"),
                "login": self.login,
                "targets": {"db-box": {"direct": f"{HOST}:{self.db_port}"}, "web-1": {"direct": f"{HOST}:{self.web_port}"}},
            },
            "postgres": self.pg,
            "mysql": self.my,
            "kube": self.kube,
            "apps": self.app,
        }

    def write(self):
        where = self.path("stand.json")
        with open(where, "w") as f:
            json.dump(self.describe(), f, indent=2)
            f.write("\n")
        return where


def main():
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument("--bin", required=True, help="folder of countersign, tsh and tctl")
    ap.add_argument("--dir", help="where to keep everything (default: a temporary folder, removed at the end)")
    a = ap.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    stand = Stand(a.bin, a.dir)
    try:
        stand.up()
        print(stand.write(), flush=True)
        print(f"countersign stands at {stand.addr}; Ctrl-C stops everything", file=sys.stderr, flush=True)
        while stand.daemon.poll() is None:
            time.sleep(0.5)
        raise Failed(f"countersign ended by itself, status {stand.daemon.returncode}; see {stand.path('countersign.log')}")
    except KeyboardInterrupt:
        print(file=sys.stderr)
    except Failed as e:
        sys.exit(f"stand: {e}")
    finally:
        stand.stop()


if __name__ == "__main__":
    main()
