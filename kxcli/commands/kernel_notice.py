"""The message of a run without the compiled kernel."""

from kxcli.kernel import explain_absence, is_kernel_off, load_kernel
from kxcli.report import Report


def report_missing_kernel(report: Report) -> None:
    """Report once per run that jieba is slow, if the kernel is missing.

    Nothing is reported if KXCLI_KERNEL turns the kernel off.

    Raises:
        KxcliError: The kernel is missing, but KXCLI_KERNEL requires it.
    """
    if load_kernel() is None and not is_kernel_off():
        report.note(f"running on jieba, many times slower: {explain_absence()}")
