(function () {
'use strict';
var d = document, root = d.documentElement;
function all(q, f, from) { Array.prototype.forEach.call((from || d).querySelectorAll(q), f); }
function by(id, f) { var e = d.getElementById(id); if (e) { e.hidden = false; e.addEventListener('click', f); } }
by('pr', function () { window.print(); });
by('th', function () {
	var dark = matchMedia('(prefers-color-scheme: dark)').matches, now = root.dataset.theme;
	if (!now) root.dataset.theme = dark ? 'light' : 'dark';
	else if ((now === 'dark') !== dark) root.dataset.theme = dark ? 'dark' : 'light';
	else delete root.dataset.theme;
	d.getElementById('th').title = 'Theme: ' + (root.dataset.theme || 'as the system');
});
window.addEventListener('beforeprint', function () { all('details.inc', function (e) { e.open = true; }); });
function open() {
	var e = location.hash && d.getElementById(location.hash.slice(1));
	if (e && e.tagName === 'DETAILS') { e.open = true; e.scrollIntoView(); }
}
window.addEventListener('hashchange', open);
open();
all('.rule', function (r) {
	var b = r.querySelector('button'), p = r.querySelector('pre');
	b.hidden = false;
	b.addEventListener('click', function () {
		var t = p.textContent, s = getSelection();
		function done() { b.textContent = '\u2713 Copied'; setTimeout(function () { b.textContent = 'Copy'; }, 1500); }
		function old() { s.selectAllChildren(p); d.execCommand('copy'); s.removeAllRanges(); done(); }
		if (navigator.clipboard && window.isSecureContext) navigator.clipboard.writeText(t).then(done, old); else old();
	});
});
function num(t) {
	var m = /^[^\d-]*(-?[\d,]*\.?\d+) ?([kMGT]?)/.exec(t);
	return m && !/:/.test(t) ? parseFloat(m[1].replace(/,/g, '')) * ({ k: 1e3, M: 1e6, G: 1e9, T: 1e12 }[m[2]] || 1) : null;
}
all('table.sort', function (t) {
	all('th[data-s]', function (h) {
		h.tabIndex = 0;
		function sort() {
			var i = h.cellIndex, up = h.getAttribute('aria-sort') === 'descending', b = t.tBodies[0];
			var rows = Array.prototype.map.call(b.rows, function (r, n) {
				var x = r.cells[i].textContent.trim(), v = h.dataset.s === 't' ? null : num(x);
				return { r: r, x: x, v: v, n: n };
			});
			rows.sort(function (p, q) {
				var c = p.v !== null && q.v !== null ? p.v - q.v : p.v !== null ? 1 : q.v !== null ? -1 : p.x < q.x ? -1 : p.x > q.x ? 1 : 0;
				return (up ? c : -c) || p.n - q.n;
			});
			all('th', function (o) { o.removeAttribute('aria-sort'); }, t);
			h.setAttribute('aria-sort', up ? 'ascending' : 'descending');
			rows.forEach(function (o, n) { o.r.classList.toggle('more', n >= 10); b.appendChild(o.r); });
		}
		h.addEventListener('click', sort);
		h.addEventListener('keydown', function (e) { if (e.key === 'Enter') sort(); });
	}, t);
});
all('button.csv', function (b) {
	b.hidden = false;
	b.addEventListener('click', function () {
		var t = b.closest('.rows').querySelector('table'), a = d.createElement('a');
		a.href = URL.createObjectURL(new Blob([Array.prototype.map.call(t.rows, function (r) {
			return Array.prototype.map.call(r.cells, function (c) {
				var x = c.textContent.trim();
				if (/^[=+\-@\t]/.test(x) && isNaN(x)) x = "'" + x;
				return /[",\n]/.test(x) ? '"' + x.replace(/"/g, '""') + '"' : x;
			}).join(',');
		}).join('\n') + '\n'], { type: 'text/csv' }));
		a.download = 'damp-hosts.csv';
		a.click();
		setTimeout(function () { URL.revokeObjectURL(a.href); }, 1000);
	});
});
all('.plot', function (p) {
	var t0 = +p.dataset.t, span = +p.dataset.s, top = +p.dataset.m, lines = [], rd, at = .5;
	all('svg path[data-l]', function (e) {
		var n = (e.getAttribute('d').split('V')[0].match(/-?(\d+\.?\d*|\.\d+)/g) || []).map(Number), x = 0, y = 0, pts = [];
		for (var i = 0; i + 1 < n.length; i += 2) pts.push([x += n[i], y += n[i + 1]]);
		lines.push({ l: e.dataset.l, p: pts });
	}, p);
	if (!lines.length) return;
	function two(v) { return (v < 10 ? '0' : '') + v; }
	function show(f) {
		var px, s;
		at = Math.max(0, Math.min(1, f));
		if (!rd) { rd = d.createElement('i'); rd.setAttribute('role', 'status'); rd.appendChild(d.createElement('span')); p.appendChild(rd); }
		rd.className = 'rd' + (at > .6 ? ' bk' : '');
		rd.hidden = false;
		rd.style.left = at * 100 + '%';
		s = new Date((t0 + Math.round(at * span)) * 1000);
		rd.firstChild.textContent = '';
		rd.firstChild.appendChild(d.createElement('b')).textContent = [s.getUTCHours(), s.getUTCMinutes(), s.getUTCSeconds()].map(two).join(':');
		px = lines.map(function (o) {
			return o.p.reduce(function (a, c) { return Math.abs(c[0] - at * 1000) < Math.abs(a[0] - at * 1000) ? c : a; });
		});
		lines.forEach(function (o, i) {
			var v = (300 - px[i][1]) / 300 * top, below = i + 1 < lines.length ? (300 - px[i + 1][1]) / 300 * top : 0;
			rd.firstChild.appendChild(d.createElement('br'));
			rd.firstChild.appendChild(d.createTextNode(Math.abs(v - below).toFixed(2) + ' ' + p.dataset.u + ' ' + o.l.replace('with ', '')));
		});
	}
	p.addEventListener('pointermove', function (e) { var r = p.getBoundingClientRect(); show((e.clientX - r.left) / r.width); });
	p.addEventListener('pointerleave', function () { if (rd) rd.hidden = true; });
	p.addEventListener('blur', function () { if (rd) rd.hidden = true; });
	p.addEventListener('keydown', function (e) {
		var k = { ArrowLeft: -1, ArrowRight: 1 }[e.key];
		if (k) { show(at + k * (e.shiftKey ? 10 : 1) / Math.max(span, 1)); e.preventDefault(); }
	});
});
}());
