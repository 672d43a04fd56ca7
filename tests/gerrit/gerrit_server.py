# SPDX-License-Identifier: Apache-2.0
"""A real Gerrit on loopback for real_gerrit_test.py: fetched by Maven, initialised, started, spoken to by REST.

Gerrit 3.10's server (Java 17) comes in the two jars that the Gerrit project publishes on Maven Central for
plugins' tests: the same classes that are in gerrit.war, `init` and `daemon` among them; Bouncy Castle beside them,
as in the war. They are used and not the war because a mirror of Central may lack the war."""
import base64
import json
import os
import pathlib
import shutil
import subprocess
import urllib.error
import urllib.parse
import urllib.request

from peers import Child, accepts, free_port, wait_until

VERSION = "3.10.2"
PARTS = [("com.google.gerrit", "gerrit-acceptance-framework", VERSION), ("com.google.gerrit", "gerrit-plugin-api", VERSION),
         *(("org.bouncycastle", f"{name}-jdk18on", "1.78.1") for name in ("bcprov", "bcpkix", "bcutil", "bcpg"))]
LAUNCHER = "com.google.gerrit.launcher.GerritLauncher"
MAVEN_SECONDS = 120


class Unavailable(Exception):
    """What a Gerrit needs is not to be had here."""


def fetch(folder):
    """The jars, kept in `folder` between runs."""
    jars = [folder / f"{name}-{version}.jar" for _, name, version in PARTS]
    if all(jar.exists() for jar in jars):
        return jars
    if shutil.which("mvn") is None:
        raise Unavailable("there is no mvn (Debian: maven)")
    folder.mkdir(parents=True, exist_ok=True)
    dependencies = "".join(f"<dependency><groupId>{group}</groupId><artifactId>{name}</artifactId>"
                           f"<version>{version}</version></dependency>" for group, name, version in PARTS)
    (folder / "pom.xml").write_text(
        '<project xmlns="http://maven.apache.org/POM/4.0.0"><modelVersion>4.0.0</modelVersion>'
        "<groupId>local</groupId><artifactId>gerrit</artifactId><version>1</version><packaging>pom</packaging>"
        f"<dependencies>{dependencies}</dependencies></project>")
    words = ["mvn", "-B", "-q", "-f", str(folder / "pom.xml"),
             "org.apache.maven.plugins:maven-dependency-plugin:3.6.1:copy-dependencies",
             "-DexcludeTransitive=true", f"-DoutputDirectory={folder}"]
    try:
        done = subprocess.run(words, capture_output=True, timeout=MAVEN_SECONDS)
    except subprocess.TimeoutExpired:
        raise Unavailable(f"Maven Central did not answer within {MAVEN_SECONDS} s")
    if done.returncode != 0 or not all(jar.exists() for jar in jars):
        lines = [line for line in done.stdout.decode(errors="replace").splitlines() if "ERROR" in line]
        raise Unavailable("Maven Central does not give it: " + (lines or ["no reason given"])[0][:300])
    return jars


class Gerrit:
    ADMIN_PASSWORD = "secret"  # What `init --dev` gives its admin.

    def __init__(self, folder, jars):
        if shutil.which("java") is None:
            raise Unavailable("there is no java (Debian: openjdk-17-jre-headless)")
        self.folder = pathlib.Path(folder)
        self.site = self.folder / "site"
        self.http_port, self.ssh_port = free_port(), free_port()
        self.java = ["java", "-Xmx512m", "-XX:TieredStopAtLevel=1", "-Djava.awt.headless=true",
                     "-cp", ":".join(map(str, jars)), LAUNCHER]
        subprocess.run([*self.java, "init", "--batch", "--no-auto-start", "--dev", "-d", self.site],
                       check=True, timeout=90, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        self._configure()
        self.child = Child([*self.java, "daemon", "-d", self.site, "--console-log", "--headless"])
        wait_until("Gerrit is ready", self._is_ready, 90)
        self.key = self.make_key("admin_key")
        self.rest("POST", "/accounts/self/sshkeys", text=self.key.with_suffix(".pub").read_text())

    def _configure(self):
        url = f"http://127.0.0.1:{self.http_port}/"
        for key, value in (("gerrit.canonicalWebUrl", url), ("httpd.listenUrl", url), ("sendemail.enable", "false"),
                           ("sshd.listenAddress", f"127.0.0.1:{self.ssh_port}"), ("sshd.threads", "8"),
                           ("index.batchThreads", "1")):
            subprocess.run(["git", "config", "-f", self.site / "etc/gerrit.config", key, value], check=True)

    def _is_ready(self):
        if self.child.process.poll() is not None:
            raise AssertionError("Gerrit ended: " + self.child.error_text()[-2000:])
        return accepts(self.http_port) and accepts(self.ssh_port)

    def make_key(self, name):
        path = self.folder / name
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", path], check=True)
        return path

    def host_key_line(self):
        kind, key = (self.site / "etc/ssh_host_ed25519_key.pub").read_text().split()[:2]
        return f"[127.0.0.1]:{self.ssh_port} {kind} {key}\n"

    def rest(self, method, path, body=None, text=None):
        """One call as the admin; the answer's JSON."""
        data = None if body is None and text is None else (text or json.dumps(body)).encode()
        request = urllib.request.Request(f"http://127.0.0.1:{self.http_port}/a{path}", data=data, method=method)
        login = base64.b64encode(f"admin:{self.ADMIN_PASSWORD}".encode()).decode()
        request.add_header("Authorization", "Basic " + login)
        request.add_header("Content-Type", "text/plain" if text else "application/json")
        try:
            with urllib.request.urlopen(request, timeout=30) as answer:
                content = answer.read().decode()
        except urllib.error.HTTPError as error:
            raise AssertionError(f"{method} {path}: {error.code} {error.read().decode(errors='replace')}")
        return json.loads(content.removeprefix(")]}'")) if content.strip() else None

    def create_project(self, name, with_commit=True):
        self.rest("PUT", "/projects/" + urllib.parse.quote(name, safe=""), {"create_empty_commit": with_commit})

    def create_streamer(self, username):
        """An account that may do nothing more than anybody, but for following the events. Returns its key."""
        key = self.make_key(f"{username}_key")
        self.rest("PUT", "/groups/Event%20Streaming", {})
        self.rest("PUT", f"/accounts/{username}", {"name": "Event Bus", "groups": ["Event Streaming"],
                                                   "ssh_key": key.with_suffix(".pub").read_text()})
        group = self.rest("GET", "/groups/Event%20Streaming")["id"]
        self.rest("POST", "/projects/All-Projects/access", {"add": {"GLOBAL_CAPABILITIES": {
            "permissions": {"streamEvents": {"rules": {group: {"action": "ALLOW"}}}}}}})
        return key

    def ssh_words(self, username, key, *command):
        return ["ssh", "-F", "none", "-p", str(self.ssh_port), "-i", str(key), "-o", "IdentitiesOnly=yes", "-o", "BatchMode=yes",
                "-o", f"UserKnownHostsFile={self.folder}/known_hosts", f"{username}@127.0.0.1", *command]

    def push_change(self, project, change_id):
        """Clones, commits a file, pushes it for review."""
        work = self.folder / "work"
        env = {**os.environ, "GIT_SSH_COMMAND": " ".join(self.ssh_words("admin", self.key)[:-1]),
               "GIT_CONFIG_GLOBAL": "/dev/null", "GIT_CONFIG_NOSYSTEM": "1"}
        url = f"ssh://admin@127.0.0.1:{self.ssh_port}/{project}"

        def git(*words):
            done = subprocess.run(["git", *map(str, words)], env=env, capture_output=True, timeout=60)
            if done.returncode != 0:
                raise AssertionError(f"git {words[0]}: " + done.stderr.decode(errors="replace"))
        git("clone", "-q", url, work)
        git("-C", work, "config", "user.name", "Administrator")
        git("-C", work, "config", "user.email", "admin@example.com")
        (work / "file").write_text("déjà vu <&>'=\n")
        git("-C", work, "add", "file")
        git("-C", work, "commit", "-q", "-m", f"Add a file: déjà vu <&>'=\n\nChange-Id: {change_id}")
        git("-C", work, "push", "-q", "origin", "HEAD:refs/for/master")

    def close(self):
        if self.child.process.poll() is None:
            self.child.process.terminate()
            try:
                self.child.process.wait(timeout=10)
            except subprocess.TimeoutExpired:
                pass
        self.child.close()
