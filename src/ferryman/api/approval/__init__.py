"""The page behind an approval link: for people without the dashboard, on a phone, without a script."""
