# More instances than the next release may have stood in the way of a restart: each turn let one more go.
{"seed":479,"deeds":[],"controllers":1,"fault_seconds":50.0,"rps":400.0,"lease_seconds":10.0}
{"do":"deploy","at":0.5,"shape":{"label":"v1","strategy":"rolling","replicas":6,"weights":[5.0,25.0,50.0],"hold":0.0,"wait":0.0,"check":true,"bake":0.0,"delay":1.0,"surge":0,"unavailable":1,"floor":1.0,"deadline":20.0,"on_deadline":"report","on_inconclusive":"rollback","on_insufficient":"pass","nature":{"ready_seconds":[0.3,1.5],"never_ready":0.0,"crashes":0.0,"crash_seconds":[0.1,20.0],"drain_seconds":[0.0,1.5],"ignores_stop":0.0},"quality":{"error_ratio":1.0,"latency_ratio":1.0,"extra_errors":0.0}}}
{"do":"ask","at":12.148,"verb":"approve cem"}
{"do":"ask","at":12.574,"verb":"restart","controller":0}
{"do":"ask","at":14.094,"verb":"approve ana"}
{"do":"spoil","at":14.686,"point":"append","fate":"lost"}
{"do":"crash","at":23.278,"side":"stable","count":6}
{"do":"outage","at":23.385,"part":"log","seconds":3.375}
{"do":"deploy","at":40.181,"shape":{"label":"v2","strategy":"rolling","replicas":1,"weights":[10.0,50.0],"hold":0.0,"wait":2.0,"bake":2.0,"delay":0.0,"routed":false,"floor":1.0,"automatic":false,"deadline":10.0,"on_deadline":"pause","on_error":"rollback","nature":{"ready_seconds":[0.3,1.5],"never_ready":0.4,"crashes":0.0,"crash_seconds":[0.1,20.0],"drain_seconds":[0.0,1.5],"ignores_stop":0.0},"quality":{"error_ratio":1.0,"latency_ratio":3.0,"extra_errors":0.0},"approve":2,"windows":true}}
{"do":"ask","at":48.247,"verb":"restart"}
