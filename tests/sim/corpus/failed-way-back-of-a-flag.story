# A controller stood still before it took the users out, for so long that the next one gave the way back up where it
# could have gone it: users stayed exposed for good.
{"seed":141,"deeds":[],"fault_seconds":50.0,"rps":60.0,"lease_seconds":10.0}
{"do":"deploy","at":11.347,"shape":{"label":"v6","strategy":"flag","weights":[33.3],"hold":0.0,"judged":false,"pause":1,"wait":2.0,"bake":0.0,"deadline":10.0,"on_fail":"pause","on_insufficient":"fail","on_error":"rollback","quality":{"error_ratio":1.0,"latency_ratio":1.0,"extra_errors":0.0}}}
{"do":"trouble","at":13.281,"seconds":2.392}
{"do":"deploy","at":17.393,"shape":{"label":"v6","strategy":"flag","weights":[10.0,50.0],"hold":3.0,"judged":false,"wait":0.0,"bake":2.0,"analysed":false,"deadline":10.0,"on_deadline":"report","on_inconclusive":"promote","on_insufficient":"pass","quality":{"error_ratio":1.0,"latency_ratio":1.0,"extra_errors":0.0},"people":1}}
{"do":"freeze","at":17.393,"seconds":18.11455585458457,"point":"flag"}
{"do":"spoil","at":21.814,"point":"append","fate":"lost"}
{"do":"ask","at":36.35,"verb":"abort"}
{"do":"kill","at":36.559,"down":15.0}
{"do":"freeze","at":37.247,"seconds":19.446,"point":"flag"}
