#!/usr/bin/env python3
"""Signs a command of the cluster for one device, with openssl, and prints the message.

    sign-command.py KEY DEVICE METHOD PARAMETERS

KEY is the private Ed25519 key in PEM whose public half the device has as command.pub. METHOD and
PARAMETERS, a JSON object, are those of the local socket. The command is good for a minute, once.
"""

import json, secrets, subprocess, sys, tempfile, time

key, device, method, parameters = sys.argv[1], sys.argv[2], sys.argv[3], json.loads(sys.argv[4])
now = time.time_ns() // 1_000_000
command = {
    "v": 1, "id": secrets.token_hex(16), "device": device, "method": method,
    "parameters": parameters, "issued_ms": now, "expires_ms": now + 60_000, "by": "operator",
}
# Sorted keys, no spaces: RFC 8785 for the plain names and whole numbers that commands have.
canonical = json.dumps(parameters, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
text = "\n".join([
    "busbar command 1", command["id"], device, method, canonical,
    str(command["issued_ms"]), str(command["expires_ms"]), command["by"],
])
with tempfile.NamedTemporaryFile() as file:
    file.write(text.encode())
    file.flush()
    command["signature"] = subprocess.run(
        ["openssl", "pkeyutl", "-sign", "-rawin", "-inkey", key, "-in", file.name],
        check=True, capture_output=True,
    ).stdout.hex()
print(json.dumps(command))
