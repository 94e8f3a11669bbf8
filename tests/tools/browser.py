#!/usr/bin/env python3
"""Opens pages in headless Chromium over --remote-debugging-pipe: no port, no packages.

usage: browser.py check FILE...                  prints ok/not ok lines
       browser.py shot FILE OUT.png WIDTH light|dark [SELECTOR-TO-CLICK]
       browser.py pdf FILE OUT.pdf
"""
import base64
import json
import os
import re
import select
import shutil
import subprocess
import sys
import tempfile
import time

CHROMIUM = os.environ.get("CHROMIUM", "/usr/bin/chromium")
FLAGS = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
         "--disable-background-networking", "--disable-component-update", "--disable-sync",
         "--disable-extensions", "--font-render-hinting=none", "--hide-scrollbars", "--remote-debugging-pipe"]


class Browser:
    def __init__(self):
        self.dir = tempfile.mkdtemp(prefix="damp-browser-")
        to_r, self.to = os.pipe()
        self.frm, from_w = os.pipe()
        args = ["sh", "-c", f'exec "$0" "$@" 3<&{to_r} 4>&{from_w}', CHROMIUM, *FLAGS,
                f"--user-data-dir={self.dir}", "about:blank"]
        self.proc = subprocess.Popen(args, pass_fds=(to_r, from_w), stdin=subprocess.DEVNULL,
                                     stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True)
        os.close(to_r)
        os.close(from_w)
        self.rest, self.events, self.next, self.session = b"", [], 0, None
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        self.session = self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Network", "Log"):
            self.call(domain + ".enable")

    def read(self, until):
        while b"\0" not in self.rest:
            left = until - time.monotonic()
            if left <= 0 or not select.select([self.frm], [], [], left)[0]:
                raise TimeoutError("the browser does not answer")
            piece = os.read(self.frm, 1 << 20)
            if not piece:
                raise EOFError("the browser ended")
            self.rest += piece
        line, self.rest = self.rest.split(b"\0", 1)
        return json.loads(line)

    def call(self, method, **params):
        self.next += 1
        message = {"id": self.next, "method": method, "params": params}
        if self.session:
            message["sessionId"] = self.session
        os.write(self.to, json.dumps(message).encode() + b"\0")
        until = time.monotonic() + 60
        while True:
            answer = self.read(until)
            if answer.get("id") == self.next:
                if "error" in answer:
                    raise RuntimeError(f"{method}: {answer['error']}")
                return answer["result"]
            self.events.append(answer)

    def run(self, script):
        result = self.call("Runtime.evaluate", expression=script, returnByValue=True, awaitPromise=True)
        if "exceptionDetails" in result:
            raise RuntimeError(result["exceptionDetails"]["exception"].get("description", "exception"))
        return result["result"].get("value")

    def open(self, path):
        self.events = []
        self.call("Page.navigate", url="file://" + os.path.abspath(path))
        until = time.monotonic() + 60
        while not any(e.get("method") == "Page.loadEventFired" for e in self.events):
            self.events.append(self.read(until))

    def view(self, width, dark=False, media="screen"):
        self.call("Emulation.setDeviceMetricsOverride", width=width, height=900,
                  deviceScaleFactor=2 if width < 600 else 1, mobile=width < 600)
        self.call("Emulation.setEmulatedMedia", media=media,
                  features=[{"name": "prefers-color-scheme", "value": "dark" if dark else "light"}])

    def click(self, selector):
        box = self.run(f"(()=>{{const e=document.querySelector({json.dumps(selector)});e.scrollIntoView({{block:'center'}});"
                       "const r=e.getBoundingClientRect();return [r.x+r.width/2,r.y+r.height/2]})()")
        for kind in ("mousePressed", "mouseReleased"):
            self.call("Input.dispatchMouseEvent", type=kind, x=box[0], y=box[1], button="left", clickCount=1)

    def close(self):
        try:
            self.session = None
            self.call("Browser.close")
        except (OSError, EOFError, TimeoutError, RuntimeError):
            pass
        try:
            self.proc.wait(10)
        except subprocess.TimeoutExpired:
            self.proc.kill()
            self.proc.wait()
        os.close(self.to)
        os.close(self.frm)
        for _ in range(20):  # its helpers may still write for a moment
            shutil.rmtree(self.dir, ignore_errors=True)
            if not os.path.exists(self.dir):
                break
            time.sleep(.1)


# Text whose contrast to what is behind it is under 4.5 (WCAG 2.1, 1.4.3); labels over a chart are
# measured against the card.
CONTRAST = r"""(() => {
const ctx = document.createElement('canvas').getContext('2d', {willReadFrequently: true});
function rgba(c) { ctx.clearRect(0,0,1,1); ctx.fillStyle = c; ctx.fillRect(0,0,1,1);
  const d = ctx.getImageData(0,0,1,1).data; return [d[0],d[1],d[2],d[3]/255]; }
function lum(c) { const f = c.slice(0,3).map(v => (v/=255) <= .03928 ? v/12.92 : ((v+.055)/1.055)**2.4);
  return .2126*f[0]+.7152*f[1]+.0722*f[2]; }
function back(e) { const stack = []; for (; e; e = e.parentElement) { const c = rgba(getComputedStyle(e).backgroundColor);
  if (c[3] > 0) { stack.push(c); if (c[3] === 1) break; } }
  let o = [255,255,255]; for (const c of stack.reverse()) o = o.map((v,i) => c[i]*c[3] + v*(1-c[3])); return o; }
const bad = [], w = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT); let n = 0, low = 99;
while (w.nextNode()) { const t = w.currentNode, e = t.parentElement;
  if (!t.data.trim() || e.closest('svg,script,style') || !e.checkVisibility()) continue;
  const a = lum(rgba(getComputedStyle(e).color)), b = lum(back(e)), k = (Math.max(a,b)+.05)/(Math.min(a,b)+.05);
  n++; low = Math.min(low, k); if (k < 4.5) bad.push(k.toFixed(2) + ' ' + t.data.trim().slice(0,40)); }
return {n, low, bad: bad.slice(0,5)}; })()"""

# Elements that reach out of the page's width, scrolling boxes aside.
OVERFLOW = r"""(() => { const w = document.documentElement.clientWidth, bad = [];
if (document.documentElement.scrollWidth > w) bad.push('page ' + document.documentElement.scrollWidth + ' > ' + w);
for (const e of document.querySelectorAll('body *')) { if (e.closest('.scroll,pre,svg') || !e.checkVisibility()) continue;
  const r = e.getBoundingClientRect(); if (r.width && (r.right > w + .5 || r.left < -.5)) bad.push(e.tagName + '.' + e.className + ' ' + r.right.toFixed(0)); }
return bad.slice(0,5); })()"""

# Marks on a chart that stand on one another.
COLLIDE = r"""(() => { const bad = []; for (const p of document.querySelectorAll('.plot')) {
const r = [...p.querySelectorAll('.mk span')].filter(e => e.checkVisibility()).map(e => [e.textContent, e.getBoundingClientRect()]);
for (let i = 0; i < r.length; i++) for (let j = 0; j < i; j++) { const a = r[i][1], b = r[j][1];
if (a.left < b.right - 1 && b.left < a.right - 1 && a.top < b.bottom - 1 && b.top < a.bottom - 1) bad.push(r[i][0] + ' on ' + r[j][0]); } }
return bad; })()"""

PANES = "[...document.querySelector('#tabs-here').querySelectorAll(':scope>.pane')].map(e=>e.checkVisibility())"

failed = False


def say(good, name, detail=""):
    global failed
    failed = failed or not good
    print(("ok " if good else "not ok ") + name + (f": {detail}" if detail and not good else ""), flush=True)


def complaints(events):
    out = []
    for e in events:
        p = e.get("params", {})
        if e.get("method") == "Runtime.consoleAPICalled":
            out.append("console: " + str(p["args"][:1]))
        elif e.get("method") == "Log.entryAdded":
            out.append("log: " + p["entry"]["text"])
        elif e.get("method") == "Runtime.exceptionThrown":
            out.append("exception: " + str(p["exceptionDetails"].get("exception", {}).get("description")))
    return out


def requests(events):
    urls = [e["params"]["request"]["url"] for e in events if e.get("method") == "Network.requestWillBeSent"]
    return [u for u in urls if not u.startswith("data:")][1:]


def check_looks(b, name):
    for width in (360, 390, 1180):
        for dark in (False, True):
            where = f"{name} at {width} px, {'dark' if dark else 'light'}"
            b.view(width, dark)
            bad = b.run(OVERFLOW)
            say(not bad, f"{where}: nothing sticks out", str(bad))
            c = b.run(CONTRAST)
            say(c["n"] > 10 and not c["bad"], f"{where}: contrast of {c['n']} texts >= 4.5", str(c["bad"]))
        bad = b.run(COLLIDE)
        say(not bad, f"{name} at {width} px: marks stand apart", str(bad))


def check_use(b, name, script):
    how = "with script" if script else "without script"
    if not b.run("(()=>{const e=[...document.querySelectorAll('.tabs')].find(e=>e.checkVisibility());if(e)e.id='tabs-here';return !!e})()"):
        return
    panes = b.run(PANES)
    b.click("#tabs-here>label:nth-of-type(2)")
    after = b.run(PANES)
    say(panes[0] and not panes[1] and after[1] and sum(after) == 1, f"{name} {how}: tabs", f"{panes} {after}")
    shown = "[...document.querySelectorAll('.rows')].find(e=>e.querySelector('.more-on')&&e.checkVisibility())"
    if b.run(f"!!({shown})"):
        b.run(f"({shown}).id='rows-here'")
        n = b.run("[...document.querySelectorAll('#rows-here tbody tr')].filter(e=>e.checkVisibility()).length")
        b.click("#rows-here .btn")
        m = b.run("[...document.querySelectorAll('#rows-here tbody tr')].filter(e=>e.checkVisibility()).length")
        say(n == 10 and m > 10, f"{name} {how}: ten rows, all on demand", f"{n} {m}")


def check_script(b, name):
    if b.run("document.querySelector('.rule button')?.closest('.pane').parentElement.checkVisibility()"):
        b.run("document.querySelector('.tabs input').click()")
        b.click(".rule button")
        time.sleep(.2)
        say("Copied" in b.run("document.querySelector('.rule button').textContent"), f"{name}: copy button")
    if b.run("!!document.querySelector('table.sort th[data-s]')"):
        b.click("table.sort th[data-s]:nth-of-type(3)")
        say(b.run("document.querySelector('table.sort th[aria-sort]')!==null"), f"{name}: sorted by header")
    if b.run("!!document.querySelector('.plot path[data-l]') && document.querySelector('.plot').checkVisibility()"):
        b.run("document.querySelector('.plot').focus()")
        b.run("document.activeElement.dispatchEvent(new KeyboardEvent('keydown',{key:'ArrowRight',bubbles:true}))")
        text = b.run("document.querySelector('.rd')?.textContent||''")
        say(re.match(r"\d\d:\d\d:\d\d[\d.]+ [kMG]?bit/s", text), f"{name}: reading line", text)
    before = b.run("getComputedStyle(document.body).backgroundColor")
    b.click("#th")
    say(before != b.run("getComputedStyle(document.body).backgroundColor"), f"{name}: theme button")


def check_print(b, name, out):
    b.run("delete document.documentElement.dataset.theme")
    pdf = base64.b64decode(b.call("Page.printToPDF", printBackground=True, preferCSSPageSize=True)["data"])
    with open(out, "wb") as f:
        f.write(pdf)
    pages = len(re.findall(rb"/Type\s*/Page\b", pdf))
    say(pdf.startswith(b"%PDF") and pages >= 1, f"{name}: prints", f"{pages} pages")
    b.view(718, True, "print")  # A4 less its margins
    b.run("document.documentElement.dataset.theme='dark'")
    c = b.run(CONTRAST)
    say(c["n"] > 10 and not c["bad"], f"{name}: ink on paper also from the dark theme", str(c["bad"]))
    say(not b.run(OVERFLOW), f"{name}: print fits the paper", str(b.run(OVERFLOW)))
    hidden = b.run("[...document.querySelectorAll('.pane,tr.more')].filter(e=>!e.checkVisibility()&&!e.closest('details.fig,.talk')).length")
    say(hidden == 0 or b.run("!!document.querySelector('details.inc')"), f"{name}: print shows all panes and rows", str(hidden))


def check(files):
    b = Browser()
    try:
        for path in files:
            name = os.path.splitext(os.path.basename(path))[0]
            b.call("Emulation.setScriptExecutionDisabled", value=False)
            b.view(1180)
            b.open(path)
            check_looks(b, name)
            b.view(1180)
            check_use(b, name, True)
            check_script(b, name)
            say(not complaints(b.events), f"{name}: nothing on the console", str(complaints(b.events)[:3]))
            say(not requests(b.events), f"{name}: no network request", str(requests(b.events)[:3]))
            check_print(b, name, os.path.splitext(path)[0] + ".pdf")
            b.call("Emulation.setScriptExecutionDisabled", value=True)
            b.view(1180)
            b.open(path)
            say(b.run("[...document.querySelectorAll('button')].every(e=>!e.checkVisibility())"), f"{name} without script: no dead button")
            check_use(b, name, False)
    finally:
        b.close()


def shot(path, out, width, theme, click=None):
    b = Browser()
    try:
        b.view(width, theme == "dark", "print" if theme == "print" else "screen")
        b.open(path)
        if click:
            b.click(click)
        time.sleep(.2)
        png = b.call("Page.captureScreenshot", format="png", captureBeyondViewport=True)["data"]
        with open(out, "wb") as f:
            f.write(base64.b64decode(png))
    finally:
        b.close()


if __name__ == "__main__":
    if len(sys.argv) > 2 and sys.argv[1] == "check":
        check(sys.argv[2:])
        sys.exit(failed)
    elif len(sys.argv) > 5 and sys.argv[1] == "shot":
        shot(sys.argv[2], sys.argv[3], int(sys.argv[4]), sys.argv[5], sys.argv[6] if len(sys.argv) > 6 else None)
    elif len(sys.argv) > 3 and sys.argv[1] == "pdf":
        one = Browser()
        try:
            one.open(sys.argv[2])
            check_print(one, "page", sys.argv[3])
        finally:
            one.close()
    else:
        sys.exit(__doc__)
