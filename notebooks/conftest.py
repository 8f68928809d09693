"""A notebook on real data is compared with its stored figures only where the data are (docs/datasets.md)."""

from bankmkt.datasets import has_bpic2012

collect_ignore = [] if has_bpic2012() else ["23_loan_application_funnel.ipynb"]
