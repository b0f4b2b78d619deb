#!/usr/bin/env python3
"""Plays Countersign's story against a real sshd, PostgreSQL, MariaDB and nginx, in a throw-away directory, each command with its real output.

    scripts/demo.py --bin target/release          stays until Ctrl-C, so that you can go on by hand
    scripts/demo.py --bin target/release --once   ends after the story, status 0 if every step did what it should
"""
import argparse, json, os, re, shlex, signal, subprocess, sys, time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from stand import Failed, Stand  # noqa: E402

BOLD, DIM, OFF = ("\033[1m", "\033[2m", "\033[0m") if sys.stdout.isatty() and "NO_COLOR" not in os.environ else ("", "", "")


def say(text):
    print(f"\n{DIM}# {text}{OFF}", flush=True)


class Story:
    def __init__(self, stand):
        self.stand = stand

    def shell(self, user, line, want=0, has=None, shown=None, stdin=None):
        """Runs one line as `user`, shows it and what it printed; the story fails if it is not as told."""
        print(f"{BOLD}{user}$ {shown or line}{OFF}", flush=True)
        r = subprocess.run(["bash", "-c", line], env=self.env(user), stdin=stdin or subprocess.DEVNULL, text=True,
                           stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=60)
        print(r.stdout.rstrip("\n"), flush=True)
        if (want is not None and r.returncode != want) or (has and not re.search(has, r.stdout, re.M)):
            raise Failed(f"`{line}` ended with {r.returncode}, wanted {want}" + (f", and text matching `{has}`" if has else ""))
        return r.stdout

    def typed(self, user, line, answers=(), want=0, has=None):
        """The same on a terminal, where prompts are answered."""
        print(f"{BOLD}{user}$ {line}{OFF}", flush=True)
        out = self.stand.terminal(["bash", "-c", "exec " + line], user, list(answers), want=want, env=self.env(user)).replace("\r", "")
        print(out.rstrip("\n"), flush=True)
        if has and not re.search(has, out, re.M):
            raise Failed(f"`{line}` showed no text matching `{has}`")
        return out

    def start(self, user, line):
        print(f"{BOLD}{user}$ {line}{OFF}", flush=True)
        return subprocess.Popen(["bash", "-c", "exec " + line], env=self.env(user), text=True, stdin=subprocess.DEVNULL,
                                stdout=subprocess.PIPE, stderr=subprocess.STDOUT)

    def env(self, user):
        # A home folder of one's own, whose ~/.ssh/config is what `tsh config` printed: plain `ssh db-box`, nothing else.
        home = self.stand.home(user)
        return self.stand.env(user, HOME=home, PATH=os.path.join(home, "bin") + os.pathsep + self.stand.env()["PATH"])


def prepare(stand, user):
    """OpenSSH takes its configuration from the account's own home, not from $HOME: hand it over with -F."""
    home = stand.home(user)
    for tool in ("ssh", "scp", "sftp"):
        wrapper = os.path.join(home, "bin", tool)
        os.makedirs(os.path.dirname(wrapper), exist_ok=True)
        with open(wrapper, "w") as f:
            f.write(f"#!/bin/sh\nexec /usr/bin/{tool} -F {shlex.quote(os.path.join(home, 'config.block'))} \"$@\"\n")
        os.chmod(wrapper, 0o755)


def line_of(process, pattern, secs=20):
    """Reads a child's output, showing it, until a line matches."""
    end = time.monotonic() + secs
    while time.monotonic() < end:
        line = process.stdout.readline()
        if not line:
            break
        print(line, end="", flush=True)
        found = re.search(pattern, line)
        if found:
            return found
    raise Failed(f"no line matching `{pattern}` came")


def replayed(s, target):
    """The statements of alice's session on `target`: its recording is there as soon as its end is written down."""
    end = time.monotonic() + 10
    while True:
        r = s.stand.tsh("alice", "recordings", "ls", "--target", target, "--format", "json")
        sessions = json.loads(r.stdout)
        if sessions or time.monotonic() > end:
            break
        time.sleep(0.1)
    if not sessions:
        raise Failed(f"there is no recording of {target}")
    s.shell("alice", f"tsh play --text {sessions[0]['session']}", has="6 \\* 7")


def play(stand):
    s = Story(stand)
    for user in ("alice", "bob", "dave"):
        prepare(stand, user)
    say("alice may reach nothing, and may ask for the role dba. bob may approve.")
    s.typed("alice", "ssh db-box", [(r"Reason[^\n]*: ?$", lambda seen: "")], want=None, has=r"^Access denied$")
    say("(Where it asks for a reason, she could have answered. She left it empty, as scripts do.)")
    say("The same for a database: no, and what to do about it. Scripts see it by the exit code.")
    s.shell("alice", "tsh db connect orders", want=3, has=r"^hint: tsh request new --roles=dba")
    say("She asks, as for a pull request; the command waits.")
    asking = s.start("alice", 'tsh request new --roles=dba --reason="ticket #1234"')
    line_of(asking, r"Seeking request approval\.\.\.")
    table = s.shell("admin", "tctl request ls", has=r"alice +roles=dba .*PENDING")
    request = re.search(r"^(\S{18}) alice", table, re.M)[1]
    say("bob looks, and approves.")
    s.shell("bob", f"tsh request show {request}", has=r"ticket #1234")
    started = time.monotonic()
    s.shell("bob", f'tsh request review --approve --reason="go ahead" {request}')
    rest, _ = asking.communicate(timeout=20)
    print(f"{DIM}(alice's terminal, {1000 * (time.monotonic() - started):.0f} ms after bob pressed return){OFF}\n{rest}", end="", flush=True)
    if asking.returncode:
        raise Failed(f"tsh request new ended with {asking.returncode}")
    say("No second login: it simply works, with stock ssh, scp and sftp.")
    s.shell("alice", "ssh db-box 'echo hello from $(hostname) as $(whoami)'", has="hello from")
    s.shell("alice", "scp -q db-box:/etc/hostname hostname.txt && cat hostname.txt; rm -f hostname.txt", shown="scp db-box:/etc/hostname .")
    s.shell("alice", "tsh ls", has="db-box")
    say("PostgreSQL and MariaDB with their own clients, no password in anybody's hands; every statement is recorded.")
    s.shell("alice", "tsh db ls", has=r"orders +postgres +app")
    s.shell("alice", "tsh db connect orders --db-name orders -- -c 'select current_user, 6 * 7 as answer'", has=r"app +\| +42")
    s.shell("alice", "tsh db connect wiki --db-name wiki -- -e 'select current_user(), 6 * 7 as answer'", has=r"app@%\s+42")
    s.shell("alice", "tsh kube login prod --exec-api v1beta1", has="prod@")
    s.shell("alice", "kubectl get pod web-1", has="Running")
    replayed(s, "orders")
    replayed(s, "wiki")
    say("A web application, here with curl; a browser opens the address, logs in once, and is where it wanted to be.")
    s.shell("alice", "tsh apps ls", has=r"handbook +https://handbook\.localhost")
    login = s.shell("alice", "tsh apps login handbook", has="with curl")
    curl = re.search(r"curl (-K \S+ https://handbook\.localhost:\d+/)", login)[1]
    s.shell("alice", f"curl -sS --resolve '*:{stand.port}:127.0.0.1' {curl}", shown=f"curl {curl}", has="The handbook")
    say("A terminal session, then its replay.")
    s.typed("alice", "ssh -t db-box 'echo on a terminal; tput cols'", has="on a terminal")
    s.shell("admin", f"tctl audit ls --request {request}", has="session.started")
    recordings = json.loads(s.shell("alice", "tsh recordings ls --format json >ls.json; cat ls.json", shown="tsh recordings ls --format json | head -c 300 ..."))
    terminal_one = recordings["items"][0] if isinstance(recordings, dict) else recordings[0]
    s.shell("alice", "tsh recordings ls")
    s.shell("alice", f"tsh play --format text {terminal_one.get('session') or terminal_one.get('id')}", has="on a terminal")
    say("The grant is revoked while a session runs: it ends within a second.")
    live = s.start("alice", "ssh db-box 'echo working; sleep 60'")
    line_of(live, "working")
    started = time.monotonic()
    s.shell("admin", f'tctl request revoke {request} --reason="enough"')
    rest, _ = live.communicate(timeout=20)
    took = time.monotonic() - started
    print(f"{rest}{DIM}(alice's session ended {1000 * took:.0f} ms later){OFF}", flush=True)
    if took > 2:
        raise Failed("the session outlived its grant")
    s.shell("alice", "ssh -o BatchMode=yes db-box true", want=77, has=r"^Access denied$")
    s.shell("alice", "tsh db connect orders --db-name orders", want=3, has=r"denied")
    say("Everything done with it is provable: the whole log, and a bundle of this request that verifies offline.")
    s.shell("admin", "tctl audit verify", has=r"(?i)ok|verified|intact")
    s.shell("admin", f"tctl audit export --request {request} -o bundle.json && tctl audit verify bundle.json; rm -f bundle.json", has=r"(?i)ok|verified|intact",
            shown=f"tctl audit export --request {request} -o bundle.json && tctl audit verify bundle.json")


def main():
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument("--bin", required=True, help="folder of countersign, tsh and tctl")
    ap.add_argument("--once", action="store_true", help="end after the story")
    a = ap.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    stand = Stand(a.bin)
    try:
        say("starting the daemon, two real sshd, PostgreSQL, MariaDB and five users in " + stand.dir)
        stand.up()
        os.chdir(stand.home("alice"))
        play(stand)
        stand.write()
        print(f"\nThe story is told. To go on by hand, in another terminal:\n\n"
              f"  export TSH_HOME={stand.home('alice')} COUNTERSIGN_DATA_DIR={stand.data} PATH={stand.bin}:$PATH\n"
              f"  tsh ls; tsh request new --roles=dba --reason=\"by hand\"     # as alice\n"
              f"  tctl request ls; tctl request approve ID                    # as the host's administrator\n"
              f"  ssh -F $TSH_HOME/config.block db-box\n", flush=True)
        if not a.once:
            print("Ctrl-C stops everything and removes it.", flush=True)
            while stand.daemon.poll() is None:
                time.sleep(0.5)
            raise Failed(f"countersign ended by itself; status {stand.daemon.returncode}")
    except KeyboardInterrupt:
        print()
    except Failed as e:
        sys.exit(f"demo: {e}")
    finally:
        os.chdir("/")
        stand.stop()


if __name__ == "__main__":
    main()
