# SPDX-License-Identifier: Apache-2.0
"""Certificates for tests, made with the openssl command in a folder of the test's."""
import pathlib
import subprocess


def openssl(*arguments):
    subprocess.run(["openssl", *map(str, arguments)], check=True, capture_output=True)


class Authority:
    """An authority that signs certificates and keeps a list of those that it revoked."""

    def __init__(self, folder, name):
        self.folder = pathlib.Path(folder) / name
        self.folder.mkdir()
        self.cert, self.key = self.folder / "ca.pem", self.folder / "ca.key"
        openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", 2,
                "-subj", f"/CN={name} authority", "-keyout", self.key, "-out", self.cert)
        (self.folder / "index").touch()
        self.config = self.folder / "ca.conf"
        self.config.write_text(f"[ca]\ndefault_ca=it\n[it]\ndatabase={self.folder}/index\ndefault_md=sha256\n"
                               "default_crl_days=2\n")

    def issue(self, common_name, names=()):
        """Returns (certificate, key); `names` are DNS names and addresses, of a server."""
        stem = self.folder / common_name.replace(" ", "-")
        cert, key, request, extensions = (stem.with_suffix(end) for end in (".pem", ".key", ".csr", ".ext"))
        openssl("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-subj",
                f"/CN={common_name}", "-keyout", key, "-out", request)
        kinds = [("IP:" if name[0].isdigit() or ":" in name else "DNS:") + name for name in names]
        extensions.write_text("subjectAltName=" + ",".join(kinds) if kinds else "basicConstraints=CA:FALSE")
        openssl("x509", "-req", "-in", request, "-CA", self.cert, "-CAkey", self.key, "-CAcreateserial", "-days", 2,
                "-extfile", extensions, "-out", cert)
        return cert, key

    def revoke(self, *certificates):
        """Returns the list, in a file."""
        ca = ("ca", "-config", self.config, "-cert", self.cert, "-keyfile", self.key)
        for certificate in certificates:
            openssl(*ca, "-revoke", certificate)
        openssl(*ca, "-gencrl", "-out", self.folder / "crl.pem")
        return self.folder / "crl.pem"
