use super::*;
use std::sync::Arc;

/// What a printer under test wrote.
#[derive(Clone, Default)]
pub(crate) struct Page(Arc<Mutex<Vec<u8>>>);

impl Page {
    pub(crate) fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }
}

impl Write for Page {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// A printer whose stderr can be read.
pub(crate) fn on_page(live: bool) -> (Printer, Page) {
    let page = Page::default();
    (Printer::on(Box::new(Page::default()), Box::new(page.clone()), live), page)
}

#[test]
fn on_a_terminal_progress_is_one_line_drawn_again() {
    let (printer, page) = on_page(true);
    printer.progress("1/2");
    printer.aside("log");
    printer.progress_ends();
    assert_eq!(page.text(), format!("{CLEAR_LINE}1/2{CLEAR_LINE}log\n{CLEAR_LINE}1/2{CLEAR_LINE}"));
}

#[test]
fn elsewhere_progress_is_plain_lines() {
    let (printer, page) = on_page(false);
    printer.progress("1/2");
    printer.progress("2/2");
    printer.progress_ends();
    assert_eq!(page.text(), "progress: 1/2\nprogress: 2/2\n");
}

#[test]
fn progress_does_not_draw_over_a_question() {
    let (printer, page) = on_page(true);
    printer.prompt("name: ");
    printer.progress("1/2");
    assert_eq!(page.text(), "name: ");
    printer.asked();
    printer.progress("2/2");
    assert!(page.text().ends_with("2/2"));
}

#[test]
fn a_log_line_does_not_end_up_in_a_prompt() {
    let (printer, page) = on_page(true);
    printer.prompt("name: ");
    printer.aside("log");
    assert_eq!(page.text(), format!("name: {CLEAR_LINE}log\nname: "));
    printer.typed();
    printer.asked();
    printer.aside("log");
    assert!(page.text().ends_with("name: log\n"));
}
