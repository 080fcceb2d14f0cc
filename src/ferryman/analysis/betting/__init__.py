"""The default judge: bets against "the candidate is no worse", which may be looked at as often as one likes."""
