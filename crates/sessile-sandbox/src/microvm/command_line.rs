//! QEMU's command line: one short list of devices, and no word in it that somebody else chose without being escaped.

use super::trial::Accelerator;
use std::ffi::OsString;
use std::os::fd::RawFd;
use std::path::Path;

/// Memory for translated code under emulation, in MiB. QEMU would take up to a gigabyte.
const TRANSLATIONS: u32 = 64;

/// What the guest's kernel is told. Loud enough to say why it died, silent otherwise.
const KERNEL_ARGUMENTS: &str = "console=hvc0 quiet loglevel=1 panic=-1 reboot=t rdinit=/init";

/// The same in a template, and so in its copies: memory is cleared when it is freed and not, as by default, when it is used again. What is free
/// is zeros then, which cost a machine that is written down nothing. A machine that boots for itself would touch all of its memory at once.
const CLEARING_ARGUMENTS: &str = " init_on_alloc=0 init_on_free=1";

/// The processor that is emulated. Its timer does not stop when it sleeps (`arat`): a kernel that does not know that never stops its 250 ticks a
/// second, which take three hundredths of a processor of the host for each machine in which nothing happens.
const EMULATED_PROCESSOR: &str = "qemu64,arat=on";

/// What the kernel is told under emulation, where measuring clocks against each other fails at random when the host is busy: that there is one that
/// is right, and how fast it runs.
const EMULATED_KERNEL_ARGUMENTS: &str = " tsc=reliable lpj=4000000 no_timer_check tsc_early_khz=";

/// Where a machine's parts lie, as QEMU sees them.
#[derive(Clone, Debug)]
pub(super) struct Parts<'a> {
    pub(super) qemu: &'a Path,
    /// A directory.
    pub(super) firmware: &'a Path,
    pub(super) kernel: &'a Path,
    pub(super) initramfs: &'a Path,
    /// Read-only, as it is: no format is guessed.
    pub(super) disk: Option<&'a Path>,
    /// The number of the descriptor over which it is controlled: a connected socket.
    pub(super) control: RawFd,
    pub(super) memory: Memory<RawFd>,
}

/// Where a machine's memory is. Wherever that is, it has the same name in what is saved of the machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Memory<File> {
    /// The monitor's own.
    Own,
    /// In a file, which shows all that is written to it: a template in the making.
    InFile(File),
    /// In a file until it is written to, page by page; the file never changes.
    CopyOf(File),
}

/// How a machine begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Beginning {
    /// By booting its kernel.
    Boot,
    /// As it was when it was saved, once it is told where that is.
    Restored,
}

/// What kind of machine it is.
#[derive(Clone, Debug)]
pub(super) struct Machine<'a> {
    /// Shown by `ps`.
    pub(super) name: &'a str,
    pub(super) accelerator: Accelerator,
    /// In MiB.
    pub(super) memory: u64,
    pub(super) processors: u32,
    pub(super) beginning: Beginning,
    /// How fast the host's time stamp counter runs, in kHz: an emulated machine's does.
    pub(super) tsc_khz: u32,
}

/// Writes the command line.
pub(super) fn write(parts: &Parts<'_>, machine: &Machine<'_>) -> Vec<String> {
    let (accelerator, processor, more) = match machine.accelerator {
        Accelerator::Kvm => ("kvm".to_owned(), "host,-vmx,-svm", String::new()),
        Accelerator::Emulation => {
            let more = format!("{EMULATED_KERNEL_ARGUMENTS}{}", machine.tsc_khz);
            (format!("tcg,thread=multi,tb-size={TRANSLATIONS}"), EMULATED_PROCESSOR, more)
        }
    };
    let mut words = vec![text(parts.qemu)];
    let mut option = |name: &str, value: String| words.extend([name.to_owned(), value]);
    option("-name", format!("guest={},debug-threads=on", escaped(machine.name)));
    option("-L", text(parts.firmware));
    option("-object", memory(parts.memory, machine.memory));
    option(
        "-machine",
        "microvm,memory-backend=ram,x-option-roms=off,isa-serial=off,rtc=on,pit=off,pic=off,pcie=off,usb=off,acpi=on,graphics=off"
            .into(),
    );
    option("-accel", accelerator);
    option("-cpu", processor.into());
    option("-m", format!("size={}M", machine.memory));
    option("-smp", format!("cpus={}", machine.processors));
    option("-kernel", text(parts.kernel));
    option("-initrd", text(parts.initramfs));
    let clearing = match (parts.memory, machine.beginning) {
        (Memory::Own, Beginning::Boot) => "",
        _ => CLEARING_ARGUMENTS,
    };
    option("-append", format!("{KERNEL_ARGUMENTS}{clearing}{more}"));
    option("-display", "none".into());
    option("-sandbox", "on,obsolete=deny,elevateprivileges=deny,spawn=deny,resourcecontrol=deny".into());
    // What the machine says last can still be read when it has stopped.
    option("-action", "reboot=shutdown,shutdown=pause".into());
    option("-chardev", format!("socket,id=control,fd={}", parts.control));
    option("-mon", "chardev=control,mode=control".into());
    option("-device", "virtio-serial-device,id=serial,max_ports=2".into());
    option("-chardev", "ringbuf,id=console,size=16384".into());
    option("-device", "virtconsole,bus=serial.0,chardev=console,nr=0".into());
    option("-chardev", "stdio,id=link,signal=off".into());
    option("-device", "virtserialport,bus=serial.0,chardev=link,nr=1".into());
    if let Some(disk) = parts.disk {
        let file = escaped(&text(disk));
        option("-drive", format!("if=none,id=root,file={file},format=raw,readonly=on,cache=writeback,aio=threads"));
        option("-device", "virtio-blk-device,drive=root".into());
    }
    if machine.beginning == Beginning::Restored {
        option("-incoming", "defer".into());
    }
    words.extend(["-nodefaults", "-no-user-config", "-nographic"].map(str::to_owned));
    words
}

/// The object that is a machine's memory, of so many MiB.
fn memory(memory: Memory<RawFd>, size: u64) -> String {
    let in_file = |number, share| {
        format!("memory-backend-file,id=ram,size={size}M,mem-path=/proc/self/fd/{number},share={share}")
    };
    match memory {
        Memory::Own => format!("memory-backend-ram,id=ram,size={size}M"),
        Memory::InFile(number) => in_file(number, "on"),
        Memory::CopyOf(number) => in_file(number, "off"),
    }
}

/// A path as text. A path that is no text cannot be found then, which is said by whoever looks for it.
fn text(path: &Path) -> String {
    OsString::from(path).to_string_lossy().into_owned()
}

/// A value inside an option: in QEMU's syntax a comma begins the next key, and two are one that does not.
fn escaped(value: &str) -> String {
    value.replace(',', ",,")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(name: &str, disk: &str, accelerator: Accelerator) -> Vec<String> {
        let parts = Parts {
            qemu: Path::new("/usr/bin/qemu"),
            firmware: Path::new("/usr/share/qemu"),
            kernel: Path::new("/k"),
            initramfs: Path::new("/i"),
            disk: Some(Path::new(disk)),
            control: 3,
            memory: Memory::Own,
        };
        write(
            &parts,
            &Machine { name, accelerator, memory: 256, processors: 1, beginning: Beginning::Boot, tsc_khz: 2_500_000 },
        )
    }

    /// The options of a value, split as QEMU splits it.
    fn split(value: &str) -> Vec<String> {
        let mut options = vec![String::new()];
        let mut letters = value.chars().peekable();
        while let Some(letter) = letters.next() {
            match letter {
                ',' if letters.peek() == Some(&',') => {
                    letters.next();
                    options.last_mut().unwrap().push(',');
                }
                ',' => options.push(String::new()),
                other => options.last_mut().unwrap().push(other),
            }
        }
        options
    }

    fn values<'a>(line: &'a [String], option: &str) -> Vec<&'a String> {
        line.windows(2).filter(|pair| pair[0] == option).map(|pair| &pair[1]).collect()
    }

    #[test]
    fn commas_in_names_and_paths_begin_no_option() {
        let line = line("evil,debug-threads=off", "/img,readonly=off,format=qcow2", Accelerator::Emulation);
        assert_eq!(split(values(&line, "-name")[0])[0], "guest=evil,debug-threads=off");
        let drive = split(values(&line, "-drive")[0]);
        assert_eq!(drive[2], "file=/img,readonly=off,format=qcow2");
        assert!(drive.contains(&"format=raw".to_owned()) && drive.contains(&"readonly=on".to_owned()), "{drive:?}");
        assert_eq!(drive.len(), 7);
    }

    #[test]
    fn there_are_four_devices_and_none_is_a_network() {
        let line = line("a", "/img", Accelerator::Emulation);
        let devices: Vec<_> = values(&line, "-device").iter().map(|value| split(value)[0].clone()).collect();
        assert_eq!(devices, ["virtio-serial-device", "virtconsole", "virtserialport", "virtio-blk-device"]);
        for word in ["-nodefaults", "-no-user-config"] {
            assert!(line.contains(&word.to_owned()));
        }
        assert!(!line.iter().any(|word| word.contains("net")), "{line:?}");
        assert!(values(&line, "-sandbox")[0].contains("spawn=deny"));
    }

    #[test]
    fn memory_has_one_name_wherever_it_is() {
        for (place, expected) in [
            (Memory::Own, "memory-backend-ram,id=ram,size=256M"),
            (Memory::InFile(4), "memory-backend-file,id=ram,size=256M,mem-path=/proc/self/fd/4,share=on"),
            (Memory::CopyOf(4), "memory-backend-file,id=ram,size=256M,mem-path=/proc/self/fd/4,share=off"),
        ] {
            assert_eq!(memory(place, 256), expected);
        }
        let line = line("a", "/img", Accelerator::Emulation);
        assert!(split(values(&line, "-machine")[0]).contains(&"memory-backend=ram".to_owned()));
        assert!(values(&line, "-incoming").is_empty());
    }

    #[test]
    fn templates_clear_what_they_free_and_other_machines_do_not() {
        let nowhere = Path::new("/");
        let parts = Parts {
            qemu: nowhere,
            firmware: nowhere,
            kernel: nowhere,
            initramfs: nowhere,
            disk: None,
            control: 3,
            memory: Memory::Own,
        };
        let accelerator = Accelerator::Emulation;
        for (place, beginning, clears) in [
            (Memory::Own, Beginning::Boot, false),
            (Memory::InFile(4), Beginning::Boot, true),
            (Memory::CopyOf(4), Beginning::Restored, true),
        ] {
            let machine = Machine { name: "a", accelerator, memory: 256, processors: 1, beginning, tsc_khz: 1 };
            let line = write(&Parts { memory: place, ..parts.clone() }, &machine);
            assert_eq!(values(&line, "-append")[0].contains("init_on_free=1"), clears, "{place:?}");
        }
    }

    #[test]
    fn emulation_names_its_clock_and_processor() {
        let emulated = line("a", "/img", Accelerator::Emulation);
        assert_eq!(values(&emulated, "-cpu"), ["qemu64,arat=on"]);
        assert!(
            values(&emulated, "-append")[0].contains("tsc=reliable lpj=4000000 no_timer_check tsc_early_khz=2500000")
        );
        let kvm = line("a", "/img", Accelerator::Kvm);
        assert!(values(&kvm, "-cpu")[0].contains("-vmx,-svm"), "no virtualization inside");
        assert!(!values(&kvm, "-append")[0].contains("tsc_early_khz"));
    }
}
