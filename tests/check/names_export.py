"""What tests/check/names_export.sh needs besides damp: traffic that asks for given names, and questions to a resolver.

names_export.py make FILE NAME...     a capture in which a host of its own asks for each name (\\DDD escapes), 30 times
names_export.py ask PORT NAME...      asks 127.0.0.1 for TXT over UDP and TCP; a line each: NAME UDP-FLAGS TCP-ANSWERS
names_export.py read CSV JSON         the rows of both, compared; prints how many there are
"""
import csv, json, re, socket, struct, sys

def wire(name):
    labels = [] if name == "." else re.split(r"(?<!\\)\.", name)
    raw = [re.sub(rb"\\(\d\d\d|.)", lambda m: bytes([int(m[1])]) if len(m[1]) == 3 else m[1], l.encode()) for l in labels]
    return b"".join(bytes([len(l)]) + l for l in raw) + b"\0"

def message(ident, name, qtype, answer):
    head = struct.pack(">HHHHHH", ident, 0x8180 if answer else 0x0100, 1, 4 * answer, 0, 0)
    text = b"".join(b"\xc0\x0c\0\x10\0\1\0\0\1\x2c\1\x2c" + b"\xff" + b"x" * 255 + b"\x2b" + b"y" * 43 for _ in range(4))
    return head + wire(name) + struct.pack(">HH", qtype, 1) + (text if answer else b"")

def packet(src, dst, sport, dport, data):
    udp = struct.pack(">HHHH", sport, dport, 8 + len(data), 0) + data
    ip = struct.pack(">BBHHHBBH", 0x45, 0, 20 + len(udp), 0, 0, 64, 17, 0) + socket.inet_aton(src) + socket.inet_aton(dst)
    return b"\2\0\0\0\0\1\2\0\0\0\0\2\x08\0" + ip + udp

def make(path, names):
    packets = []
    for n, name in enumerate(names):
        host = "10.64.0.%d" % (10 + n)
        for i in range(30):
            t = 1775960000 + i * 2 + n / 100
            packets.append((t, packet(host, "10.53.0.53", 40000, 53, message(i + 1, name, 255, 0))))
            packets.append((t + .001, packet("10.53.0.53", host, 53, 40000, message(i + 1, name, 255, 1))))
    with open(path, "wb") as f:
        f.write(struct.pack("<IHHIIII", 0xa1b2c3d4, 2, 4, 0, 0, 65535, 1))
        for t, p in sorted(packets):
            f.write(struct.pack("<IIII", int(t), int(t % 1 * 1e6), len(p), len(p)) + p)

def ask(port, names):
    for name in names:
        query = message(7, name, 16, 0)
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as u:
            u.settimeout(5)
            u.sendto(query, ("127.0.0.1", port))
            udp = u.recv(4096)
        with socket.create_connection(("127.0.0.1", port), 5) as t:
            t.sendall(struct.pack(">H", len(query)) + query)
            tcp = b""
            while len(tcp) < 2 or len(tcp) < 2 + struct.unpack(">H", tcp[:2])[0]:
                tcp += t.recv(4096)
        print(name, "TC" if udp[2] & 2 else "-", struct.unpack(">H", tcp[8:10])[0])

def read(csv_path, json_path):
    rows = list(csv.DictReader(open(csv_path, newline="")))
    objects = [json.loads(line) for line in open(json_path)]
    assert [(r["name"], r["type"], int(r["answers"]), r["misused"] == "1") for r in rows] == \
        [(o["name"], o["type"], o["answers"], o["misused"]) for o in objects]
    assert all(None not in r and r["first_seen"] < r["last_seen"] for r in rows)
    print(len(rows))

{"make": lambda a: make(a[0], a[1:]), "ask": lambda a: ask(int(a[0]), a[1:]), "read": lambda a: read(*a)}[sys.argv[1]](sys.argv[2:])
