package browser

import (
	"slices"
	"strings"

	"github.com/chromedp/cdproto/accessibility"
	"github.com/chromedp/cdproto/cdp/jsonv2"
	"github.com/chromedp/chromedp"
)

// node is what assistive technology is told of an element.
type node struct {
	role, name, description string
	properties              map[accessibility.PropertyName]string
}

// nodes is the browser's accessibility tree, flat and in order.
func (b *tab) nodes() []node {
	b.t.Helper()
	tree, err := chromedp.Call(b.ctx, accessibility.GetFullAXTree, accessibility.GetFullAXTreeParams{})
	if err != nil {
		b.t.Fatal(err)
	}
	var all []node
	for _, n := range tree.Nodes {
		if n.Ignored {
			continue
		}
		properties := map[accessibility.PropertyName]string{}
		for _, p := range n.Properties {
			properties[p.Name] = text(p.Value)
		}
		all = append(all, node{text(n.Role), text(n.Name), text(n.Description), properties})
	}
	return all
}

func text(v *accessibility.Value) string {
	if v == nil {
		return ""
	}
	var s string
	if jsonv2.Unmarshal(v.Value, &s) == nil {
		return s
	}
	return string(v.Value)
}

// focused is what has the focus.
func (b *tab) focused() node {
	b.t.Helper()
	var found node
	for _, n := range b.nodes() {
		if n.properties[accessibility.PropertyNameFocused] == "true" {
			found = n // the page itself comes first
		}
	}
	return found
}

// operable are the roles of what people use.
var operable = []string{"textbox", "spinbutton", "checkbox", "radio", "button", "link"}

// isAccessible holds a page to what can be checked without a person (WCAG 2.2
// at level AA).
func (b *tab) isAccessible() {
	b.t.Helper()
	var titles, mains int
	all := b.nodes()
	for _, n := range all {
		switch {
		case n.role == "RootWebArea" && n.name == "":
			b.t.Error("the page has no title")
		case n.role == "heading" && n.properties[accessibility.PropertyNameLevel] == "1":
			titles++
		case n.role == "main":
			mains++
		case slices.Contains(operable, n.role) && strings.TrimSpace(n.name) == "":
			b.t.Errorf("a %s has no name: %v", n.role, n)
		case n.role == "alert" && n.properties[accessibility.PropertyNameLive] != "assertive":
			b.t.Errorf("an error is not read out: %v", n)
		}
	}
	if titles != 1 || mains != 1 {
		b.t.Errorf("%q has %d headings of the first level and %d main parts", eval[string](b, "document.title"), titles, mains)
	}
	for what, expression := range map[string]string{
		"no language":     `document.documentElement.lang ? [] : ['html']`,
		"no label":        `[...document.querySelectorAll('input:not([type=hidden]),select,textarea')].filter(e => ![...e.labels].some(l => l.innerText.trim())).map(e => e.outerHTML)`,
		"the same id":     `[...document.querySelectorAll('[id]')].map(e => e.id).filter((id, i, all) => all.indexOf(id) !== i)`,
		"a dead label":    `[...document.querySelectorAll('label')].filter(l => !l.control).map(l => l.innerText)`,
		"a dead relation": `[...document.querySelectorAll('[aria-describedby],[aria-labelledby]')].filter(e => (e.getAttribute('aria-describedby') || e.getAttribute('aria-labelledby')).split(' ').some(id => !document.getElementById(id))).map(e => e.outerHTML)`,
	} {
		for _, found := range eval[[]string](b, expression) {
			b.t.Errorf("%s: %s", what, found)
		}
	}
	for _, scheme := range []string{"dark", "light"} {
		b.scheme(scheme)
		for _, found := range eval[[]string](b, faint) {
			b.t.Errorf("too faint when %s: %s", scheme, found)
		}
	}
	b.do(chromedp.EmulateViewport(320, height)) // a telephone, or a window at 400 % (1.4.10); tables may be wider
	for _, found := range eval[[]string](b, `[...document.querySelectorAll('body *')].filter(e => !e.closest('table') && e.checkVisibility() && e.getBoundingClientRect().right > innerWidth + 1).map(e => e.outerHTML.slice(0, 120))`) {
		b.t.Errorf("does not fit into a narrow window: %s", found)
	}
	b.do(chromedp.EmulateViewport(width, height))
}

// faint lists the texts whose contrast with what is behind them is below
// 4.5:1 (WCAG 2.2, 1.4.3).
const faint = `(() => {
	const canvas = document.createElement('i');
	canvas.style.backgroundColor = 'Canvas';
	document.body.append(canvas);
	const paper = getComputedStyle(canvas).backgroundColor;
	canvas.remove();
	const parse = c => { const n = c.match(/[\d.]+/g).map(Number); return {rgb: n.slice(0, 3), alpha: n.length > 3 ? n[3] : 1}; };
	const light = c => { const [r, g, b] = c.rgb.map(v => (v /= 255) <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4); return 0.2126 * r + 0.7152 * g + 0.0722 * b; };
	const behind = e => { for (; e; e = e.parentElement) { const c = parse(getComputedStyle(e).backgroundColor); if (c.alpha === 1) return c; } return parse(paper); };
	return [...document.querySelectorAll('body *')].filter(e => e.checkVisibility() && ([...e.childNodes].some(n => n.nodeType === 3 && n.data.trim()) || e.matches('input:not([type=hidden])'))).flatMap(e => {
		const a = light(parse(getComputedStyle(e).color)), b = light(behind(e));
		const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
		return ratio < 4.5 ? [ratio.toFixed(2) + ' ' + e.outerHTML.slice(0, 120)] : [];
	});
})()`

// focusIsVisible: whoever uses the keyboard sees where they are.
func (b *tab) focusIsVisible(n node) {
	b.t.Helper()
	if !eval[bool](b, `(() => {
		const e = document.activeElement, s = getComputedStyle(e), r = e.getBoundingClientRect();
		return e.matches(':focus-visible') && s.outlineStyle !== 'none' && parseFloat(s.outlineWidth) >= 2 &&
			r.bottom > 0 && r.top < innerHeight && r.right > 0 && r.left < innerWidth;
	})()`) {
		b.t.Errorf("it does not show that the %s %q has the focus", n.role, n.name)
	}
}

// walks presses the Tab key until it is back, and reports what it never led to.
func (b *tab) walks() {
	b.t.Helper()
	missed := map[string]bool{}
	for _, n := range b.nodes() {
		if slices.Contains(operable, n.role) && (n.role != "radio" || n.properties[accessibility.PropertyNameChecked] == "true") {
			missed[n.role+" "+n.name] = true // of radio buttons, the arrow keys lead to the others
		}
	}
	for range 2*len(missed) + 2 {
		n := b.focused()
		if key := n.role + " " + n.name; missed[key] {
			delete(missed, key)
			b.focusIsVisible(n)
		}
		b.types("\t")
	}
	for what := range missed {
		b.t.Errorf("the Tab key does not lead to the %s", what)
	}
}

// alert is the error that is shown, and the field that it is about.
func (b *tab) alert(want, field string) {
	b.t.Helper()
	var said, related bool
	for _, n := range b.nodes() {
		said = said || n.role == "alert"
		if n.role == "textbox" && n.name == field {
			related = n.properties[accessibility.PropertyNameInvalid] == "true" && strings.Contains(n.description, want)
		}
	}
	if !said || !related || !eval[bool](b, `document.querySelector('[role=alert]').innerText.includes(`+quote(want)+`)`) {
		b.t.Errorf("%q is not said of the field %q: %v", want, field, b.nodes())
	}
	if n := b.focused(); n.name != field {
		b.t.Errorf("the focus is on the %s %q", n.role, n.name)
	}
}
