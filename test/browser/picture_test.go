package browser

import (
	"os"
	"path/filepath"

	"github.com/chromedp/chromedp"
)

// The size of the window, and so of the pictures.
const width, height = 1280, 800

// maxPicture is how large a picture in the repository may be.
const maxPicture = 120_000

// picture takes a picture of the tab for the documents, if UPDATE is set.
func (b *tab) picture(name string) {
	b.t.Helper()
	if os.Getenv("UPDATE") == "" {
		return
	}
	png, err := chromedp.Run(b.ctx, chromedp.CaptureScreenshot())
	if err != nil {
		b.t.Fatal(err)
	}
	if len(png) > maxPicture {
		b.t.Errorf("%s has %d bytes", name, len(png))
	}
	dir := filepath.Join("..", "..", "docs", "img")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		b.t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, name+".png"), png, 0o644); err != nil {
		b.t.Fatal(err)
	}
}
