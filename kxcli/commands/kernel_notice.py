"""The message of a run without the compiled kernel."""

from kxcli.kernel import explain_absence, is_kernel_off, load_kernel
from kxcli.report import Report


def report_missing_kernel(report: Report, *, replaces_jieba: bool = False) -> None:
    """Report that the run is slow, if the kernel is missing.

    Call this once per run, before input is read. Nothing is reported if KXCLI_KERNEL turns the kernel off.

    Args:
        report: Receives the message.
        replaces_jieba: Whether most of the work is done by jieba itself without the kernel.

    Raises:
        KxcliError: The kernel is missing, but KXCLI_KERNEL requires it.
    """
    if load_kernel() is None and not is_kernel_off():
        how = "on jieba itself, many times slower" if replaces_jieba else "without the compiled kernel, which is slower"
        report.note(f"running {how}: {explain_absence()}")
