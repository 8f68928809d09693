"""A notebook on real data is compared with its stored figures only where the data are (docs/datasets.md)."""

from bankmkt.datasets import has_bpic2012, has_hillstrom, has_karlan_zinman

NEEDS = {
    "23_loan_application_funnel.ipynb": has_bpic2012,
    "33_lender_mailer.ipynb": has_karlan_zinman,
    "34_email_campaign.ipynb": has_hillstrom,
}
collect_ignore = [name for name, there in NEEDS.items() if not there()]
