#!/usr/bin/env python3
"""A small Kubernetes API server to stand behind the gateway: pods that are listed, watched and read, nothing more.

    scripts/kube_api.py --port P --cert FILE --key FILE --token TOKEN [--pods N]

It takes whoever shows the token and impersonates somebody, as a cluster's RBAC would let the gateway do.
Python's standard library only. Real clusters are what docs/how-to/connect-a-cluster.md is about.
"""
import argparse, http.server, json, ssl, sys, urllib.parse


def pod(n):
    return {"kind": "Pod", "apiVersion": "v1",
            "metadata": {"name": f"web-{n}", "namespace": "default", "uid": f"{n:032x}", "resourceVersion": "7", "labels": {"app": "web"}},
            "spec": {"nodeName": "node-1", "containers": [{"name": "main", "image": "registry.example.com/web:1", "env": [{"name": f"KEY_{i}", "value": "x" * 40} for i in range(20)]}]},
            "status": {"phase": "Running", "podIP": f"10.0.{n // 250}.{n % 250}"}}


def table(pods):
    names = ("Name", "Status")
    return {"kind": "Table", "apiVersion": "meta.k8s.io/v1", "metadata": {"resourceVersion": "7"},
            "columnDefinitions": [{"name": n, "type": "string", "format": "", "description": "", "priority": 0} for n in names],
            "rows": [{"cells": [p["metadata"]["name"], "Running"],
                      "object": {"kind": "PartialObjectMetadata", "apiVersion": "meta.k8s.io/v1", "metadata": p["metadata"]}} for p in pods]}


class Api(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        url = urllib.parse.urlsplit(self.path)
        query = urllib.parse.parse_qs(url.query)
        parts = url.path.strip("/").split("/")
        if self.headers.get("authorization") != f"Bearer {self.server.token}":
            return self.no(401, "Unauthorized", "who are you?")
        if not self.headers.get("impersonate-user"):
            return self.no(403, "Forbidden", "nobody is impersonated")
        as_table = "as=Table" in self.headers.get("accept", "")
        pods = self.server.pods
        match parts:
            case ["version"]:
                return self.say({"major": "1", "minor": "32", "gitVersion": "v1.32.0"})
            case ["api"]:
                return self.say({"kind": "APIVersions", "versions": ["v1"]})
            case ["apis"]:
                return self.say({"kind": "APIGroupList", "apiVersion": "v1", "groups": []})
            case ["api", "v1"]:
                kinds = (("pods", "Pod", True), ("namespaces", "Namespace", False))
                return self.say({"kind": "APIResourceList", "groupVersion": "v1", "resources": [
                    {"name": n, "singularName": "", "kind": k, "namespaced": ns, "verbs": ["get", "list", "watch"]} for n, k, ns in kinds]})
            case ["api", "v1", "pods"] | ["api", "v1", "namespaces", "default", "pods"]:
                if query.get("watch", ["false"])[0] in ("true", "1"):
                    return self.watch(pods, as_table)
                if as_table:
                    return self.say(table(pods))
                return self.say({"kind": "PodList", "apiVersion": "v1", "metadata": {"resourceVersion": "7"}, "items": pods})
            case ["api", "v1", "namespaces", "default", "pods", name]:
                found = [p for p in pods if p["metadata"]["name"] == name]
                if found:
                    return self.say(table(found) if as_table else found[0])
        self.no(404, "NotFound", f"there is no {url.path}")

    def watch(self, pods, as_table):
        self.send_response(200)
        self.send_header("content-type", "application/json")
        self.send_header("transfer-encoding", "chunked")
        self.end_headers()
        for p in pods:
            event = json.dumps({"type": "ADDED", "object": table([p]) if as_table else p}).encode() + b"\n"
            self.wfile.write(b"%x\r\n%s\r\n" % (len(event), event))
        self.wfile.flush()
        self.rfile.read(1)              # until the client goes

    def no(self, code, reason, message):
        self.say({"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure", "reason": reason, "message": message, "code": code}, code)

    def say(self, value, code=200):
        body = json.dumps(value).encode()
        self.send_response(code)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, form, *args):
        sys.stderr.write("%s\n" % (form % args))


def main():
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name in ("port", "cert", "key", "token"):
        ap.add_argument("--" + name, required=True)
    ap.add_argument("--pods", type=int, default=3)
    a = ap.parse_args()
    server = http.server.ThreadingHTTPServer(("127.0.0.1", int(a.port)), Api)
    server.daemon_threads = True
    server.token, server.pods = a.token, [pod(n) for n in range(1, a.pods + 1)]
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(a.cert, a.key)
    server.socket = tls.wrap_socket(server.socket, server_side=True)
    server.serve_forever()


if __name__ == "__main__":
    main()
