"""Real captures, where the folder is there: which of them hold what, by the label column of its MANIFEST.tsv."""
import csv
import os
import struct

# the label -> kind, and the host it is about; "": any one subject will do
ATTACK = {"amplification:dns-fragmented": ("dns-amplification-victim", "10.10.10.10"),
          "amplification:other-udp": ("udp-amplification-victim", "10.10.10.10"),
          "dga-nxdomain": ("dns-nxdomain-flood", ""), "synthetic:prsd-like": ("dns-random-subdomain", ""),
          "tunnel": ("dns-tunnel", "")}
# Whatever else it may be called, it is no amplification.
NO_AMPLIFICATION = {"dns-nxdomain-flood", "dns-random-subdomain", "dns-tunnel", "dns-query-flood", "traffic-anomaly"}
SILENT = ("dns-benign", "mixed")
# too little to have a rate: a single exchange, 14 look-ups
FEW = ("one exfiltration exchange", "DGA (domain flux)")


def first_time(path):
    """Seconds of the first packet, 0 when the format hides it from a few lines of Python."""
    with open(path, "rb") as f:
        head = f.read(32)
    nano = head[:4] == b"\x4d\x3c\xb2\xa1"
    if len(head) < 32 or not nano and head[:4] != b"\xd4\xc3\xb2\xa1":
        return 0.0
    sec, frac = struct.unpack("<II", head[24:32])
    return sec + frac / (1e9 if nano else 1e6)


def real_cases(folder, make):
    """[(name, path, labels, allowed kinds)], and a sentence on the data."""
    manifest = os.path.join(folder, "MANIFEST.tsv")
    if not folder or not os.path.exists(manifest):
        return [], "real captures: not here (SHARED_DATA)"
    out, count = [], [0, 0, 0]
    with open(manifest, newline="") as f:
        lines = [x for x in csv.DictReader(f, delimiter="\t", quoting=csv.QUOTE_NONE) if x["path"].startswith("pcap/")]
    for line in lines:
        part, path, what = line["path"].split("/")[1], os.path.join(folder, line["path"]), line["what"]
        found = ATTACK.get(line["label"]) or ATTACK.get(line["label"].split(":")[0])
        labels, allowed = [], set()
        if part in ("link", "malformed"):
            continue
        if part not in SILENT:
            allowed = set(NO_AMPLIFICATION)
            if found and not any(x in what for x in FEW):
                t = first_time(path)
                labels = [make(found[0], found[1], t, 0, t > 0 and "no use for rates" not in what)]
                allowed -= {found[0]} if found[1] else set()
        count[0 if labels else 1 if part in SILENT else 2] += 1
        out.append((line["path"], path, labels, allowed))
    return out, "real captures: %d with attacks, %d ordinary, %d of other abuse" % tuple(count)
